"""The CloudWatch metrics agent: CPU and memory sampled fast, published once in a period.

It is a configuration of parts that every configuration file can name, see ``configuration_of``.
"""

from wca.cloudwatch.configuration import configuration_of
from wca.cloudwatch.options import AgentOptions, Scope
from wca.cloudwatch.scopes import scope_here

__all__ = ["AgentOptions", "Scope", "configuration_of", "scope_here"]
