"""A run, its chart or the screen given away: asked where to, written beside the app, and told of."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from rich.segment import Segment

from solver import files, maps
from solver.machine import readable_bytes
from solver.maps import Table
from solver.refusal import BadSetting
from solver.rundir import RunDirectory
from tui.draw import cell_svg
from tui.draw.paper import Origin, Width
from tui.export import BINARY, CHARTS, PICTURES, data, picture
from tui.host import Host
from tui.screens.export import ExportDialog, Wanted
from tui.shown.origin import origin
from tui.text import inert

# Base64 makes a third more of it, and terminals cut what is longer than about 100 kB.
_MOST_COPIED = 74_000


def ask(
    host: Host,
    directory: RunDirectory,
    chart_svg: Callable[[Origin, Width], str] | None,
    cells: Table | None = None,
) -> None:
    """Asks for a format and a place, writes there, and says where it went; offers the map where there are cells."""

    def chosen(wanted: Wanted | None) -> None:
        if wanted is not None:
            # What was said before is not a part of the picture.
            host.clear_notifications()
            host.call_after_refresh(write, wanted)

    def write(wanted: Wanted) -> None:
        drawn, chart, table = None, None, None
        try:
            if chart_svg is not None:
                chart = chart_svg(origin(directory.id, directory.order()), host.config.figure_width)
            if wanted.kind in CHARTS:
                drawn = chart
            elif wanted.kind in PICTURES and chart_svg is not None:
                drawn = screen_svg(host)
            elif wanted.kind == "map" and cells is not None:
                table = maps.to_csv(cells)
        except BadSetting as error:
            host.complain(f"nothing was written: {error}")
            return
        host.run_worker(lambda: _export(host, directory, wanted, drawn, chart, table), thread=True, exit_on_error=False)

    dialog = ExportDialog(Path.cwd() / directory.id, with_pictures=chart_svg is not None, with_map=cells is not None)
    host.push_screen(dialog, chosen)


def screen_svg(host: Host) -> str:
    """What the screen shows, as a picture whose cells lie as in a terminal whatever the fonts."""
    # As Textual's own picture is made: it alone lays dialogs over the screen that shows through.
    shown = host.screen._compositor.render_inline(host.size, host._background_screens)
    lines = list(Segment.split_lines(host.console.render(shown)))
    return cell_svg.picture(lines, host.ansi_theme, "implicit-tui")


def _export(
    host: Host, directory: RunDirectory, wanted: Wanted, drawn: str | None, chart: str | None, table: bytes | None
) -> None:
    path = wanted.path
    try:
        if drawn is not None:
            document = picture(wanted.kind, drawn)
        else:
            document = data(directory, wanted.kind) if table is None else table
        if path is not None:
            files.replace_file(path, document)
    except (BadSetting, OSError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        where = f"{path} could not be written" if path is not None else "nothing was copied"
        host.call_from_thread(host.complain, f"{where} ({reason}): what was there is unchanged")
        return
    if path is None:
        host.call_from_thread(copy, host, document, wanted.kind, chart)
    else:
        host.call_from_thread(host.notify, inert(f"exported to {path}", 400), markup=False, timeout=10)


def copy(host: Host, document: bytes, kind: str, chart: str | None = None) -> None:
    """Through the terminal itself (OSC 52), so that it reaches the clipboard of the person's own machine.

    What is too large for that gives way to the chart, where there is one that fits.
    """
    if kind in BINARY:
        what, instead = ("Parquet", "csv") if kind == "parquet" else ("pixels", "svg")
        host.complain(f"a clipboard of text takes no {what}: write a file, or take {instead}")
        return
    told = f"{kind} sent to the terminal's clipboard (tmux passes it on with set-clipboard on)"
    if len(document) > _MOST_COPIED:
        most = f"{readable_bytes(len(document))} of {kind} is more than terminals take ({_MOST_COPIED // 1000} kB)"
        document = chart.encode() if chart is not None and kind != "svg" else b""
        if not 0 < len(document) <= _MOST_COPIED:
            host.complain(f"{most}: write a file")
            return
        told = f"{most}: the chart went to the terminal's clipboard, as svg"
    host.copy_to_clipboard(document.decode())
    host.notify(told, timeout=10)
