"""`demo`: the whole story on a small EDMS of its own."""

from __future__ import annotations

import tempfile
from contextlib import nullcontext
from pathlib import Path

import click
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from edms_backup.cli.books import books_shown, closing_sentence
from edms_backup.cli.command import Command
from edms_backup.cli.output import Output
from edms_backup.cli.problems import problem_list
from edms_backup.cli.session import Session, common_options
from edms_backup.cli.text import count, safe
from edms_backup.demo.proof import Proof
from edms_backup.demo.run import DemoReport, run_demo
from edms_backup.errors import ExitCode
from edms_backup.progress import NoProgress
from edms_backup.report import RestoreReport


@click.command(
    cls=Command,
    short_help="Show all of it on a small EDMS in SQLite.",
    examples=("edms-backup demo", "edms-backup demo --keep /tmp/demo && sqlite3 /tmp/demo/restored.sqlite3"),
    exits=(ExitCode.DONE, ExitCode.ENVIRONMENT, ExitCode.USAGE, ExitCode.DIFFERENT),
)
@click.option(
    "--keep",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="FOLDER",
    help="Keep the databases and the archive in this new or empty folder.",
)
@common_options
@click.pass_obj
def demo(session: Session, keep: Path | None) -> int:
    """Build a small EDMS in SQLite, back it up, re-initialise it under other ids, restore, prove.

    Needs no database and no configuration, and leaves nothing behind unless told to.
    """
    screen = Output(session)
    if keep is not None:
        return _play(screen, keep, kept=True)
    with tempfile.TemporaryDirectory(prefix="edms-backup-demo-") as folder:
        return _play(screen, Path(folder), kept=False)


def _play(screen: Output, folder: Path, kept: bool) -> int:
    # Bars would tear the story apart; programs still get their lines.
    with screen.progress() if screen.session.json_log else nullcontext(NoProgress()) as progress:
        report = run_demo(folder, progress, Story(screen))
    screen.show(_closing_sentence(report))
    if kept:
        screen.show(Text(f"Databases and archive are in {safe(folder)}."))
    screen.document(report.as_json)
    if not report.ok:
        screen.bad_news(*(Text(f"differs: {safe(p.claim)}: {safe(p.found)}") for p in report.proofs if not p.holds))
    return ExitCode.DONE if report.ok else ExitCode.DIFFERENT


def _closing_sentence(report: DemoReport) -> Text:
    held = sum(1 for proof in report.proofs if proof.holds)
    if report.ok:
        return Text(f"\nAll {held} proofs hold ({report.seconds:.1f} s).", style="bold green")
    failed = len(report.proofs) - held
    return Text(f"\n{count(failed, 'proof')} of {len(report.proofs)} did not hold.", style="bold red")


class Story:
    """Tells the demo on a screen."""

    def __init__(self, screen: Output) -> None:
        self._screen = screen
        self._steps = 0

    def step(self, title: str) -> None:
        """A numbered heading."""
        self._steps += 1
        self._screen.show(Text(f"\n{self._steps}. {title}" if self._steps > 1 else f"1. {title}", style="bold"))

    def say(self, text: str) -> None:
        """A sentence."""
        self._screen.show(Padding(Text(safe(text)), (0, 0, 0, 3), expand=False))

    def warn(self, text: str) -> None:
        """A sentence that stands out."""
        self._screen.show(Padding(Text(safe(text), style="yellow"), (0, 0, 0, 3), expand=False))

    def books(self, report: RestoreReport) -> None:
        """The table where it is new, and the sentence that sums it up."""
        if report.dry_run:
            width = self._screen.people.width - 3
            for part in books_shown(report, width):
                self._screen.show(Padding(part, (0, 0, 0, 3), expand=False))
        if report.refused:
            self._screen.show(*problem_list(report.problems, report.problem_count))
        sentence = closing_sentence(report)
        if not report.dry_run:
            sentence = Text(sentence.plain.lstrip("\n"), style=sentence.style)
        self._screen.show(Padding(sentence, (0, 0, 0, 3), expand=False))

    def proof(self, proof: Proof) -> None:
        """A claim with its tick or cross."""
        mark = Text("✓", style="green") if proof.holds else Text("✗", style="bold red")
        line = Text.assemble(safe(proof.claim), (f": {safe(proof.found)}", "dim" if proof.holds else "red"))
        row = Table.grid(padding=(0, 1, 0, 0))
        row.add_row(mark, line)
        self._screen.show(Padding(row, (0, 0, 0, 3), expand=False))
