"""Networks."""

from __future__ import annotations

from typing import Any, Final

from tests import cloud
from tests.replay.account import Account, Inputs, Made, capitalised


def vpc(account: Account, name: str, inputs: Inputs) -> Made:
    ec2 = account.client("ec2")
    made = ec2.create_vpc(**inputs.named(CidrBlock="cidrBlock"))["Vpc"]["VpcId"]
    for attribute, ours in {
        "EnableDnsSupport": "enableDnsSupport",
        "EnableDnsHostnames": "enableDnsHostnames",
    }.items():
        ec2.modify_vpc_attribute(VpcId=made, **{attribute: {"Value": inputs[ours]}})
    return made, {}


def default_security_group(account: Account, name: str, inputs: Inputs) -> Made:
    """Adopted, and its rules taken away."""
    ec2 = account.client("ec2")
    assert (inputs["ingress"], inputs["egress"]) == ([], [])
    (group,) = ec2.describe_security_groups(
        Filters=[
            {"Name": "vpc-id", "Values": [inputs["vpcId"]]},
            {"Name": "group-name", "Values": ["default"]},
        ]
    )["SecurityGroups"]
    for rules, revoke in (
        (group["IpPermissions"], ec2.revoke_security_group_ingress),
        (group["IpPermissionsEgress"], ec2.revoke_security_group_egress),
    ):
        if rules:
            revoke(GroupId=group["GroupId"], IpPermissions=rules)
    return group["GroupId"], {}


def subnet(account: Account, name: str, inputs: Inputs) -> Made:
    ec2 = account.client("ec2")
    made = ec2.create_subnet(
        **inputs.named(VpcId="vpcId", CidrBlock="cidrBlock", AvailabilityZone="availabilityZone")
    )["Subnet"]["SubnetId"]
    ec2.modify_subnet_attribute(
        SubnetId=made, MapPublicIpOnLaunch={"Value": inputs["mapPublicIpOnLaunch"]}
    )
    return made, {}


def internet_gateway(account: Account, name: str, inputs: Inputs) -> Made:
    ec2 = account.client("ec2")
    made = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=made, **inputs.named(VpcId="vpcId"))
    return made, {}


def route_table(account: Account, name: str, inputs: Inputs) -> Made:
    made = account.client("ec2").create_route_table(**inputs.named(VpcId="vpcId"))
    return made["RouteTable"]["RouteTableId"], {}


def route(account: Account, name: str, inputs: Inputs) -> Made:
    account.client("ec2").create_route(
        **inputs.named(
            RouteTableId="routeTableId",
            DestinationCidrBlock="destinationCidrBlock",
            GatewayId="gatewayId",
            NatGatewayId="natGatewayId",
        )
    )
    return f"{inputs['routeTableId']}-{name}", {}


def route_table_association(account: Account, name: str, inputs: Inputs) -> Made:
    made = account.client("ec2").associate_route_table(
        **inputs.named(SubnetId="subnetId", RouteTableId="routeTableId")
    )
    return made["AssociationId"], {}


def eip(account: Account, name: str, inputs: Inputs) -> Made:
    made = account.client("ec2").allocate_address(**inputs.named(Domain="domain"))
    return made["AllocationId"], {}


def nat_gateway(account: Account, name: str, inputs: Inputs) -> Made:
    made = account.client("ec2").create_nat_gateway(
        **inputs.named(AllocationId="allocationId", SubnetId="subnetId")
    )
    return made["NatGateway"]["NatGatewayId"], {}


def vpc_endpoint(account: Account, name: str, inputs: Inputs) -> Made:
    made = account.client("ec2").create_vpc_endpoint(
        **inputs.named(
            VpcId="vpcId",
            ServiceName="serviceName",
            VpcEndpointType="vpcEndpointType",
            RouteTableIds="routeTableIds",
            SubnetIds="subnetIds",
            SecurityGroupIds="securityGroupIds",
            PrivateDnsEnabled="privateDnsEnabled",
        )
    )["VpcEndpoint"]
    gateway = inputs["vpcEndpointType"] == "Gateway"
    return made["VpcEndpointId"], {"cidrBlocks": list(cloud.S3_CIDRS)} if gateway else {}


def vpc_endpoint_service(account: Account, name: str, inputs: Inputs) -> Made:
    ec2 = account.client("ec2")
    made = ec2.create_vpc_endpoint_service_configuration(
        NetworkLoadBalancerArns=[
            account.load_balancer(arn) for arn in inputs["networkLoadBalancerArns"]
        ],
        **inputs.named(AcceptanceRequired="acceptanceRequired"),
    )["ServiceConfiguration"]
    ec2.modify_vpc_endpoint_service_permissions(
        ServiceId=made["ServiceId"], AddAllowedPrincipals=inputs["allowedPrincipals"]
    )
    return made["ServiceId"], {"serviceName": made["ServiceName"]}


def security_group(account: Account, name: str, inputs: Inputs) -> Made:
    ec2 = account.client("ec2")
    made: str = ec2.create_security_group(
        GroupName=name, **inputs.named(VpcId="vpcId", Description="description")
    )["GroupId"]
    # The provider takes away what AWS lets out of a new group.
    (group,) = ec2.describe_security_groups(GroupIds=[made])["SecurityGroups"]
    ec2.revoke_security_group_egress(GroupId=made, IpPermissions=group["IpPermissionsEgress"])
    return made, {}


def ingress_rule(account: Account, name: str, inputs: Inputs) -> Made:
    ec2 = account.client("ec2")
    ours = [{"Name": "is-default", "Values": ["false"]}]
    (vpc,) = ec2.describe_vpcs(Filters=ours)["Vpcs"]
    owner = account.security_group(inputs["securityGroupId"], vpc["VpcId"])
    rule: dict[str, Any] = inputs.named(
        IpProtocol="ipProtocol", FromPort="fromPort", ToPort="toPort"
    )
    if cidr := inputs.get("cidrIpv4"):
        rule["IpRanges"] = [{"CidrIp": cidr}]
    if other := inputs.get("referencedSecurityGroupId"):
        known = account.security_group(other, vpc["VpcId"])
        rule["UserIdGroupPairs"] = [{"GroupId": known}]
    made = ec2.authorize_security_group_ingress(GroupId=owner, IpPermissions=[rule])
    return made["SecurityGroupRules"][0]["SecurityGroupRuleId"], {}


def flow_log(account: Account, name: str, inputs: Inputs) -> Made:
    made = account.client("ec2").create_flow_logs(
        ResourceType="VPC",
        ResourceIds=[inputs["vpcId"]],
        LogDestinationType="cloud-watch-logs",
        LogGroupName=inputs["logDestination"].rpartition(":")[2],
        **inputs.named(TrafficType="trafficType", DeliverLogsPermissionArn="iamRoleArn"),
    )
    assert not made["Unsuccessful"], made
    return made["FlowLogIds"][0], {}


def launch_template(account: Account, name: str, inputs: Inputs) -> Made:
    assert inputs["updateDefaultVersion"] is True, "which is what the first version is"
    data = inputs.named(
        InstanceType="instanceType",
        UserData="userData",
        InstanceMarketOptions="instanceMarketOptions",
        CapacityReservationSpecification="capacityReservationSpecification",
        MetadataOptions="metadataOptions",
        TagSpecifications="tagSpecifications",
        BlockDeviceMappings="blockDeviceMappings",
    )
    for mapping in data.get("BlockDeviceMappings", []):
        for switch in ("encrypted", "deleteOnTermination"):
            mapping["ebs"][switch] = mapping["ebs"][switch] == "true"
    for tagged in data.get("TagSpecifications", []):
        tagged["tags"] = [{"key": k, "value": v} for k, v in tagged["tags"].items()]
    made = account.client("ec2").create_launch_template(
        LaunchTemplateName=inputs.get("name", name), LaunchTemplateData=capitalised(data)
    )["LaunchTemplate"]
    return made["LaunchTemplateId"], {"latestVersion": made["LatestVersionNumber"]}


ENTRIES: Final = {
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": default_security_group,
    "aws:ec2/eip:Eip": eip,
    "aws:ec2/flowLog:FlowLog": flow_log,
    "aws:ec2/internetGateway:InternetGateway": internet_gateway,
    "aws:ec2/launchTemplate:LaunchTemplate": launch_template,
    "aws:ec2/natGateway:NatGateway": nat_gateway,
    "aws:ec2/route:Route": route,
    "aws:ec2/routeTable:RouteTable": route_table,
    "aws:ec2/routeTableAssociation:RouteTableAssociation": route_table_association,
    "aws:ec2/securityGroup:SecurityGroup": security_group,
    "aws:ec2/subnet:Subnet": subnet,
    "aws:ec2/vpc:Vpc": vpc,
    "aws:ec2/vpcEndpoint:VpcEndpoint": vpc_endpoint,
    "aws:ec2/vpcEndpointService:VpcEndpointService": vpc_endpoint_service,
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": ingress_rule,
}
