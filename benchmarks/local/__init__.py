"""What the local stack costs: the gateway, a change of weight, a step, the whole."""
