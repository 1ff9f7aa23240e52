"""A topic of Apache Kafka as a target, on kafka-python."""
