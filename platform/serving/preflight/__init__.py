"""What `pulumi up` of an AWS stack would fall over late, looked up before; changes nothing."""
