"""How each process of the platform begins: its command line, its settings, and the two ways in which it cannot.

Decides nothing else; what a process does is in its own module.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from logging import Logger

import confluent_kafka as ck

from streams.runtime import kafka, logs, settings
from streams.runtime.clock import ClockError
from streams.runtime.exits import Exit


def launch(
    argv: Sequence[str], parser: argparse.ArgumentParser, run: Callable[[argparse.Namespace], int], log: Logger
) -> int:
    """Parse, run, and turn what was wrong before it ran into an exit code.

    Args:
        argv: Arguments after the command's name.
        parser: With the process's name and options of its own.
        run: Runs it until it is told to stop.
        log: The process's.

    Returns:
        What `run` gave, `Exit.SETTINGS` or `Exit.BROKER`.
    """
    parser.add_argument("--config", required=True, help="settings file (JSON)")
    parser.add_argument("--metrics-port", type=int, default=0, help="serve /metrics on this port of loopback; 0: off")
    args = parser.parse_args(argv)
    logs.setup()
    try:
        return run(args)
    except (settings.SettingsError, ClockError) as error:
        log.error("settings", extra={"cause": str(error)})
        return Exit.SETTINGS
    except (kafka.BrokerError, ck.KafkaException) as error:
        log.error("broker", extra={"cause": type(error).__name__}, exc_info=error)
        return Exit.BROKER
