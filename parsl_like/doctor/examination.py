"""The examination of a configuration: probes see, checks judge, a report says it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from parsl_like.core.missing import missing_values
from parsl_like.doctor.checks.descriptions import check_missing, check_strategy
from parsl_like.doctor.checks.folders import check_folder_use
from parsl_like.doctor.executors import CORRECT_IT, ExecutorExamination
from parsl_like.doctor.findings import Finding, Report, Severity, of_error, ordered
from parsl_like.doctor.probes.folders import seen_folder
from parsl_like.doctor.wishes import Scripts, Setting, Wishes
from parsl_like.errors import ConfigurationError, ParslError
from parsl_like.plugins.manager import PluginManager

if TYPE_CHECKING:
    from collections.abc import Iterator

    from parsl_like.config import Config

CORRECT_FILE: Final = "Correct that; the guide's page on configuration says what each field may be."
"""What to do where there is no configuration yet that a command could show."""


def examined(config: Config, scripts: Scripts, wishes: Wishes) -> Report:
    """What is wrong with a configuration. Nothing is started but what was wished for, and no file stays.

    Args:
        config: The configuration.
        scripts: What is thought of scripts.
        wishes: What to do beyond looking.

    Raises:
        ConfigurationError: there is no executor of the label that was wished for.
    """
    executors = _chosen(config, wishes.label)
    setting = Setting(config, scripts, wishes, PluginManager())
    findings = list(_of_config(setting))
    setting.hindered = any(finding.severity is Severity.FAULT for finding in findings)
    for executor in executors:
        findings += ExecutorExamination(executor, setting).findings()
    return Report(ordered(findings), tuple(dict.fromkeys(setting.checked)), tuple(dict.fromkeys(setting.unchecked)))


def of_unusable(error: ParslError) -> Report:
    """The report on a configuration that cannot even be had."""
    return Report((of_error("description", "Config", error, CORRECT_FILE),))


def _chosen(config: Config, label: str | None) -> list[Any]:
    executors: list[Any] = list(config.executors or ())
    chosen = [executor for executor in executors if label in (None, executor.label)]
    if not chosen and executors:
        labels = ", ".join(str(executor.label) for executor in executors)
        raise ConfigurationError("--executor", label, f"one of {labels}")
    return chosen


def _of_config(setting: Setting) -> Iterator[Finding]:
    config = setting.config
    setting.checked.append("the Config's own fields")
    try:
        config.check()
    except ParslError as error:
        yield of_error("description", "Config", error, CORRECT_IT)
    yield from check_strategy(config.strategy, setting.plugins.scaling_policies)
    yield from check_missing(missing_values(config))
    setting.checked.append("the run directory")
    yield from check_folder_use("Config", "run_dir", seen_folder(str(config.run_dir)))
