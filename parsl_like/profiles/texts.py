"""A configuration as TOML or YAML, and back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from parsl_like.profiles.decoding import decoded
from parsl_like.profiles.encoding import encoded
from parsl_like.profiles.overlay import with_listed_executors
from parsl_like.profiles.toml_reader import read_toml
from parsl_like.profiles.toml_writer import write_toml
from parsl_like.profiles.yaml_reader import read_yaml
from parsl_like.profiles.yaml_writer import write_yaml

if TYPE_CHECKING:
    from collections.abc import Mapping

    from parsl_like.config import Config


def to_toml(config: Config) -> str:
    """A configuration as TOML that :func:`from_toml` reads as the same configuration.

    Only what differs from the defaults is written. A password is not: a variable of the environment is named instead.

    Args:
        config: The configuration, not the copy that a run has sealed.

    Raises:
        ConfigurationError: it holds something that no file can say; names the field.
    """
    return write_toml(encoded(config).table)


def to_yaml(config: Config) -> str:
    """The same as YAML; :func:`from_yaml` reads it."""
    return write_yaml(encoded(config).table)


def from_toml(text: str, file: str = "<text>", environment: Mapping[str, str] | None = None) -> Config:
    """The configuration that a document of TOML says.

    Args:
        text: The document; its keys are the arguments of a Config.
        file: What to call it in messages.
        environment: Variables that it may name; None for those of this process.

    Raises:
        ProfileError: it is no TOML, or says something that cannot be meant; names the line.
    """
    return decoded(with_listed_executors(read_toml(text, file)), environment=environment)


def from_yaml(text: str, file: str = "<text>", environment: Mapping[str, str] | None = None) -> Config:
    """The configuration that a document of YAML says; as :func:`from_toml`.

    Raises:
        ProfileError: it is no YAML, or says something that cannot be meant; names the line.
        OptionalModuleMissing: PyYAML is not installed.
    """
    return decoded(with_listed_executors(read_yaml(text, file)), environment=environment)
