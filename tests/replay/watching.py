"""What watches: logs, trails, alarms, budgets."""

from __future__ import annotations

from typing import Any, Final

from tests.replay.account import Account, Inputs, Made, capitalised


def log_group(account: Account, name: str, inputs: Inputs) -> Made:
    logs = account.client("logs")
    group = inputs.get("name", name)
    logs.create_log_group(logGroupName=group, **inputs.named(kmsKeyId="kmsKeyId"))
    logs.put_retention_policy(logGroupName=group, **inputs.named(retentionInDays="retentionInDays"))
    return group, {
        "name": group,
        "arn": f"arn:aws:logs:{account.region}:{account.id}:log-group:{group}",
    }


def trail(account: Account, name: str, inputs: Inputs) -> Made:
    cloudtrail = account.client("cloudtrail")
    made = cloudtrail.create_trail(
        **inputs.named(
            Name="name",
            S3BucketName="s3BucketName",
            KmsKeyId="kmsKeyId",
            EnableLogFileValidation="enableLogFileValidation",
            IsMultiRegionTrail="isMultiRegionTrail",
            IncludeGlobalServiceEvents="includeGlobalServiceEvents",
        )
    )
    cloudtrail.put_event_selectors(
        TrailName=made["Name"],
        AdvancedEventSelectors=[_selector(each) for each in inputs["advancedEventSelectors"]],
    )
    cloudtrail.start_logging(Name=made["Name"])
    return made["Name"], {"arn": made["TrailARN"]}


def _selector(selector: Any) -> Any:
    fields = capitalised(selector["fieldSelectors"])
    return {
        "Name": selector["name"],
        "FieldSelectors": [
            {("StartsWith" if key == "StartsWiths" else key): v for key, v in each.items()}
            for each in fields
        ],
    }


def topic(account: Account, name: str, inputs: Inputs) -> Made:
    arn = account.client("sns").create_topic(Name=inputs.get("name", name))["TopicArn"]
    return arn, {"arn": arn}


def topic_policy(account: Account, name: str, inputs: Inputs) -> Made:
    account.client("sns").set_topic_attributes(
        AttributeName="Policy", **inputs.named(TopicArn="arn", AttributeValue="policy")
    )
    return inputs["arn"], {}


def subscription(account: Account, name: str, inputs: Inputs) -> Made:
    made = account.client("sns").subscribe(
        **inputs.named(TopicArn="topic", Protocol="protocol", Endpoint="endpoint")
    )
    return made["SubscriptionArn"], {}


def alarm(account: Account, name: str, inputs: Inputs) -> Made:
    account.client("cloudwatch").put_metric_alarm(
        AlarmName=inputs.get("name", name),
        Dimensions=[{"Name": k, "Value": v} for k, v in inputs["dimensions"].items()],
        **inputs.named(
            AlarmDescription="alarmDescription",
            Namespace="namespace",
            MetricName="metricName",
            Statistic="statistic",
            ComparisonOperator="comparisonOperator",
            Threshold="threshold",
            TreatMissingData="treatMissingData",
            AlarmActions="alarmActions",
            OKActions="okActions",
            Period="period",
            EvaluationPeriods="evaluationPeriods",
        ),
    )
    return name, {}


def budget(account: Account, name: str, inputs: Inputs) -> Made:
    described = {
        "BudgetLimit": inputs.named(Amount="limitAmount", Unit="limitUnit"),
        "FilterExpression": _expression(inputs["filterExpression"]),
        "Metrics": [inputs["metrics"]],
        **inputs.named(BudgetName="name", BudgetType="budgetType", TimeUnit="timeUnit"),
    }
    account.client("budgets").create_budget(
        AccountId=account.id,
        Budget=described,
        NotificationsWithSubscribers=[_notification(each) for each in inputs["notifications"]],
    )
    return f"{account.id}:{described['BudgetName']}", {}


def _expression(expression: Any) -> Any:
    if "ands" in expression:
        return {"And": [_expression(each) for each in expression["ands"]]}
    return capitalised(expression)


def _notification(notification: Any) -> Any:
    said = dict(notification)
    emails = said.pop("subscriberEmailAddresses")
    return {
        "Notification": capitalised(said),
        "Subscribers": [{"SubscriptionType": "EMAIL", "Address": each} for each in emails],
    }


def event_rule(account: Account, name: str, inputs: Inputs) -> Made:
    made = account.client("events").put_rule(
        **inputs.named(Name="name", EventPattern="eventPattern")
    )
    return inputs["name"], {"name": inputs["name"], "arn": made["RuleArn"]}


def event_target(account: Account, name: str, inputs: Inputs) -> Made:
    rule, target = inputs["rule"], {"Id": name, **inputs.named(Arn="arn")}
    failed = account.client("events").put_targets(Rule=rule, Targets=[target])
    assert failed["FailedEntryCount"] == 0, failed
    return f"{rule}-{name}", {}


ENTRIES: Final = {
    "aws:budgets/budget:Budget": budget,
    "aws:cloudtrail/trail:Trail": trail,
    "aws:cloudwatch/eventRule:EventRule": event_rule,
    "aws:cloudwatch/eventTarget:EventTarget": event_target,
    "aws:cloudwatch/logGroup:LogGroup": log_group,
    "aws:cloudwatch/metricAlarm:MetricAlarm": alarm,
    "aws:sns/topic:Topic": topic,
    "aws:sns/topicPolicy:TopicPolicy": topic_policy,
    "aws:sns/topicSubscription:TopicSubscription": subscription,
}
