"""The Cloud port on openstacksdk."""
