"""`gpool doctor`: check this host and the pool, and say what to mend."""

from __future__ import annotations

import click

from gpool.cli.pool_options import echo_json, json_option

__all__ = ["command"]

MARKS = {"ok": ("ok  ", "green"), "warn": ("warn", "yellow"), "fail": ("FAIL", "red")}


@click.command()
@json_option
@click.option("--api", metavar="URL", help="Address of the controller. [GPOOL_API, then client.toml]")
@click.option("--token", metavar="TOKEN", help="Who you are. [GPOOL_TOKEN, then client.toml]")
def command(as_json: bool, api: str | None, token: str | None) -> int:
    """Check this host and the pool, and say what to mend.

    Ends with exit code 1 when something fails; warnings do not count.

    \b
    gpool doctor
    gpool doctor --json | jq '.[] | select(.verdict != "ok")'
    """
    from gpool.checkup.host import host_findings
    from gpool.checkup.pool import pool_findings

    findings = [*host_findings(), *pool_findings(api, token)]
    if as_json:
        echo_json([finding._asdict() for finding in findings])
    else:
        for finding in findings:
            mark, colour = MARKS[finding.verdict]
            click.echo(f"{click.style(mark, fg=colour)}  {finding.subject}: {finding.what}")
            if finding.remedy:
                click.echo(f"      {finding.remedy}")
    return 1 if any(finding.verdict == "fail" for finding in findings) else 0
