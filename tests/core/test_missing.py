"""Values that nobody has said are found wherever they stand, and a run with one is refused in words that help."""

from __future__ import annotations

from typing import Any

import pytest

from parsl_like.config import Config
from parsl_like.core.missing import MissingValue, missing_mark, missing_values, refuse_missing, variable_of
from parsl_like.errors import ConfigurationError
from parsl_like.executors import HighThroughputExecutor, ThreadPoolExecutor
from parsl_like.providers import KubernetesProvider, SlurmProvider


def config(**options: Any) -> Config:
    return Config(executors=[HighThroughputExecutor(label="htex", provider=SlurmProvider(**options))])


def test_a_mark_tells_the_variable() -> None:
    assert variable_of("key_name") == "PARSL_LIKE_KEY_NAME"
    assert missing_mark("account") == "<account:PARSL_LIKE_ACCOUNT>"


def test_a_configuration_in_which_all_is_said_has_none() -> None:
    assert missing_values(Config(executors=[ThreadPoolExecutor()])) == []
    refuse_missing(config(account="astro"))


@pytest.mark.parametrize(
    "text", ["<account>", "account:PARSL_LIKE_ACCOUNT", "<account:ACCOUNT>", "<:PARSL_LIKE_>", "a < b : c > d"]
)
def test_other_text_is_none(text: str) -> None:
    assert missing_values([text]) == []


def test_a_field_is_told_with_its_place() -> None:
    assert missing_values(config(account=missing_mark("account"))) == [
        MissingValue("executors[0].provider.account", "account", "PARSL_LIKE_ACCOUNT")
    ]


def test_a_sealed_copy_has_the_same() -> None:
    made = config(account=missing_mark("account"), partition=missing_mark("partition"))
    assert missing_values(made.sealed()) == missing_values(made)
    assert [value.name for value in missing_values(made)] == ["partition", "account"]


def test_a_mark_within_other_text_is_found() -> None:
    made = config(scheduler_options=f"#SBATCH -L sps\n#SBATCH -A {missing_mark('account')}")
    assert [value.where for value in missing_values(made)] == ["executors[0].provider.scheduler_options"]


def test_containers_are_looked_into() -> None:
    provider = KubernetesProvider(image="image", annotations={"who": [missing_mark("account")]})
    assert [value.where for value in missing_values(provider)] == ["annotations['who'][0]"]


def test_a_container_that_holds_itself_is_looked_at_once() -> None:
    ring: list[Any] = [missing_mark("account")]
    ring.append(ring)
    assert [value.where for value in missing_values(ring)] == ["[0]"]


def test_the_sentence_says_what_is_missing_and_where_and_what_says_it() -> None:
    (value,) = missing_values(config(account=missing_mark("account")))
    assert str(value) == (
        "executors[0].provider.account is your own account, and nobody has said it: "
        "set PARSL_LIKE_ACCOUNT, for instance."
    )


def test_a_run_is_refused_with_everything_that_is_missing() -> None:
    made = config(account=missing_mark("account"), worker_init=f"{missing_mark('account')} {missing_mark('hosts')}")
    with pytest.raises(ConfigurationError) as refused:
        refuse_missing(made)
    text = str(refused.value)
    assert "executors[0].provider.account" in text
    assert "executors[0].provider.worker_init" in text
    assert "set PARSL_LIKE_ACCOUNT and PARSL_LIKE_HOSTS, or say account and hosts" in text
