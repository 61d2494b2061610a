"""`gpool`: the group of all commands.

A command is a file `gpool/cli/NAME.py` that holds a click command (or group) called `command`. It is imported only when
it is used, so that `gpool run` pays for nothing that it does not need; its line of help stands here for that reason.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys

import click

from gpool.errors import EXIT_OWN_FAILURE, GpoolError
from gpool.version import VERSION

__all__ = ["COMMANDS", "LazyGroup", "cli", "main"]

COMMANDS = {
    "up": "Start a pool on this machine, in the background.",
    "down": "Stop the pool that `gpool up` started.",
    "run": "Run a command on GPUs of the pool.",
    "smi": "Show GPUs, vGPUs and what they use.",
    "ps": "List leases and the programs that use them.",
    "release": "Give a lease back.",
    "explain": "Say why a lease waits, and what has happened to it.",
    "what-if": "Say what would become of a request, without making it.",
    "queue": "List, show, set and remove queues.",
    "apply": "Make queues, priority classes and calendars be as a file says.",
    "node": "List, label, cordon, drain and remove nodes.",
    "gpu": "Take GPUs out of the pool and put them back.",
    "audit": "Show who did what to the pool.",
    "doctor": "Check this host and the pool, and say what to mend.",
    "controller": "Run the controller in the foreground.",
    "agent": "Run the agent of a node in the foreground.",
    "simulate": "Run the scheduler on recorded workloads.",
    "login": "Log in with your company's identity provider.",
    "logout": "Take that login back.",
    "token": "Make, list and revoke tokens.",
    "cert": "Show, make and renew certificates.",
    "backup": "Write all that a pool remembers to a file.",
    "restore": "Make a pool from its backup.",
}
"""Name of each command, with the line that `gpool --help` shows for it."""


class LazyGroup(click.Group):
    """A group that imports the module of a command when that command is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """All commands, in the order in which a newcomer meets them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name, or None."""
        if cmd_name not in COMMANDS:
            return None
        command = importlib.import_module(f"gpool.cli.{cmd_name.replace('-', '_')}").command
        assert isinstance(command, click.Command), f"gpool.cli.{cmd_name}.command is no click command"
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the table of commands without importing any of them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(VERSION, message="gpool %(version)s")
def cli() -> None:
    """Use the GPUs of many machines as one pool.

    \b
    gpool up                          start a pool on this machine
    gpool run -- python train.py      run a program on a GPU of the pool
    gpool smi                         see who uses what

    GPOOL_API and GPOOL_TOKEN say which pool, and as whom; without them, ~/.config/gpool/client.toml does.
    """


def main(arguments: list[str] | None = None) -> None:
    """Run `gpool` and exit.

    gpool's own failures are one sentence on stderr and exit code 125; `GPOOL_DEBUG=1` adds the traceback.
    """
    stdout = sys.stdout
    try:
        # In standalone mode click would exit with 1 and 2, which belong to the command that `gpool run` runs.
        result = cli.main(arguments, prog_name="gpool", standalone_mode=False)
        code = result if isinstance(result, int) else 0
        sys.stdout.flush()
    except click.exceptions.Exit as end:
        code = end.exit_code
    except (click.Abort, KeyboardInterrupt):
        code = 128 + signal.SIGINT
    except BrokenPipeError:
        code = _reader_gone()
    except SystemExit:
        # click answers a broken pipe by muffling stdout and exiting with 1, which could be a command's own 1.
        if sys.stdout is stdout:
            raise
        code = _reader_gone()
    except click.exceptions.NoArgsIsHelpError as no_arguments:
        code = 0
        click.echo(no_arguments.ctx.get_help() if no_arguments.ctx else "")
    except click.ClickException as error:
        code = _fail(error, _usage_sentence(error))
    except GpoolError as error:
        code = _fail(error, str(error), error.exit_code)
    except Exception as error:  # the last line of defence: a bug must not look like one of the user's
        kind = type(error).__name__
        sentence = f"internal error ({kind}: {error}); run it again with GPOOL_DEBUG=1 to see where, and report it"
        code = _fail(error, sentence)
    sys.exit(code)


def _reader_gone() -> int:
    """The exit code after `gpool ps | head`."""
    # What is left in the buffer would fail again when the interpreter exits.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 128 + signal.SIGPIPE


def _usage_sentence(error: click.ClickException) -> str:
    sentence = error.format_message().rstrip(".")
    sentence = sentence[:1].lower() + sentence[1:]
    context = getattr(error, "ctx", None)
    return f"{sentence}; see `{context.command_path if context else 'gpool'} --help`"


def _fail(error: Exception, sentence: str, code: int = EXIT_OWN_FAILURE) -> int:
    if os.environ.get("GPOOL_DEBUG", "") not in ("", "0"):
        import traceback

        traceback.print_exception(error)
    click.echo(f"gpool: {' '.join(sentence.split())}", err=True)
    return code
