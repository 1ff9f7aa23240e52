"""What AwsCloud is made of."""
