"""The settings form: every field of the spec, checked as it is typed, and what the run will take."""

from __future__ import annotations

import contextlib
import tomllib
from collections.abc import Container, Sequence
from pathlib import Path
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult, SuspendNotSupported
from textual.binding import BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.geometry import Size
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Button, Input, Select, Static

import presets
from presets import Preset, writing
from solver import estimate, fields, machine, settings
from solver.fields import Raw
from solver.refusal import BadSetting
from solver.rundir import RunDirectory
from solver.spec import RunSpec
from tui import editor, keys
from tui.host import Host
from tui.screens.dialogs import SaveDialog
from tui.screens.finder import Entry, Finder
from tui.shown import form
from tui.text import inert, narrower, taking
from tui.widgets.hints import Hints
from tui.widgets.setting import DIFFERS, Setting

# From here on there is room for a column beside the form, and for a third line of a note.
_WIDE, _HIGH = 100, 24


class SettingsScreen(Screen[None]):
    """Edits the settings of a preset or of a run. Commas in a field sweep it: each value is a lane."""

    PLACE: ClassVar[keys.Place] = "settings"
    BINDINGS: ClassVar[list[BindingType]] = keys.bindings("settings")
    app: Host

    def __init__(self, preset: Preset, raw: Raw, beside: Sequence[RunDirectory] = ()) -> None:
        super().__init__()
        self._beside = beside
        self._preset = preset
        self._raw = fields.with_fitting_parts(raw)
        self._spec: RunSpec | None = None
        self._chosen_size: presets.Size = self.app.config.defaults.size
        self._base = self._of_preset(self._chosen_size)
        """What the fields are compared with."""
        self._draft = ""
        """What was written in the editor and refused."""
        self._field = ""
        """The field that had the focus last."""
        self._is_building = False
        self._settings: list[Setting] = []
        """The fields, in their order."""
        self._checked: list[str] = []
        """What stood in them when it was last said what is wrong, or what the run takes."""
        # Before there are fields, whose styles would all be computed again.
        self._fit(self.app.size)

    def compose(self) -> ComposeResult:
        yield Static("", id="title", markup=False)
        with Horizontal(id="what"):
            yield Static("size", classes="name", markup=False)
            yield Select(
                [(size, size) for size in presets.SIZES],
                value=self._chosen_size,
                allow_blank=False,
                id="size",
                compact=True,
            )
            yield Button("Run (f5)", id="start", variant="primary", compact=True)
        yield Static("", id="need", markup=False)
        with Horizontal(id="body"):
            yield VerticalScroll(id="form", can_focus=False)
            with VerticalScroll(id="beside", can_focus=False):
                yield Static("", id="explained", markup=False)
        yield Static("", id="note", markup=False)
        yield Hints("settings")
        yield Static("too small: 40 × 12 needed", id="too-small", markup=False)

    async def on_mount(self) -> None:
        await self._build()
        self._focus("problem.kind")

    def on_resize(self, event: events.Resize) -> None:
        self._fit(event.size)
        self.call_after_refresh(self._settle)

    def _fit(self, size: Size) -> None:
        self.set_class(size.width < 40 or size.height < 12, "tiny")
        self.set_class(size.width >= _WIDE, "wide")
        self.set_class(size.height < _HIGH, "low")

    def _settle(self) -> None:
        """What was seen before the terminal's size changed is seen after it."""
        if not self.query("#explained"):
            # Who runs at once leaves while this waits for its turn.
            return
        self._explain()
        if self.focused is not None:
            self.focused.scroll_visible(animate=False)

    def _setting(self, field: str) -> Setting | None:
        return next((setting for setting in self._settings if setting.field == field), None)

    def _focus(self, field: str) -> None:
        setting = self._setting(field)
        if setting is not None:
            setting.go()

    def _of_preset(self, size: presets.Size) -> Raw:
        """What the preset says at a size, and the person's configuration where it says nothing."""
        try:
            raw = self._preset.at_size(size)
        except BadSetting as error:
            self.app.complain(str(error))
            raw = self._preset.raw
        return fields.with_fitting_parts(self.app.config.with_defaults(raw))

    async def _build(self) -> None:
        """The fields anew: the kinds decide which there are."""
        shown = self.query_one("#form", VerticalScroll)
        # The focus moves while fields are taken away, which says nothing of the kinds in them.
        self._is_building = True
        self._settings = []
        await shown.remove_children()
        rows: list[Widget] = []
        section = ""
        for told, field in form.rows(self._raw):
            if told != section:
                section = told
                rows.append(Static(section, classes="section", markup=False))
            rows.append(Setting(field, self._raw))
        await shown.mount_all(rows)
        self._settings = [row for row in rows if isinstance(row, Setting)]
        self._is_building = False
        self._check()

    def _collect(self, without: Container[str] = ()) -> Raw:
        """The settings as they stand in the fields, but for those ``without``. Raises BadSetting."""
        typed = {one.field: one.text for one in self._settings if one.field not in without}
        return form.collected(typed, self._raw)

    def _keep(self, without_part: str = "") -> None:
        """Takes over what was typed, of a part its kind alone, so that the fields can be made anew.

        Where something is wrong, what was before stays.
        """
        of_part = {one.field for one in self._settings if one.field.startswith(f"{without_part}.")}
        with contextlib.suppress(BadSetting):
            kind = {without_part: {"kind": fields.kind(self._raw, without_part)}} if without_part else {}
            self._raw = self._collect(of_part) | kind

    async def _take_kinds(self) -> None:
        """Makes the fields anew where a list of kinds, or variants, were left as others, which have other fields."""
        if self._is_building:
            return
        for setting in self._settings:
            brings_kinds = setting.is_kind or setting.field == "variants"
            if not brings_kinds or isinstance(setting.entry, Select) or setting is self._setting(self._field):
                continue
            if form.same(setting.field, self._raw, setting.text, form.value(setting.field, self._raw)):
                continue
            if setting.is_kind:
                raw = form.with_kinds(self._raw, setting.field, settings.parse_value(setting.text))
            else:
                raw = form.with_variants(self._raw, setting.text)
            if raw is None:
                # Some word is no kind, or no variant, which is said at the field.
                continue
            shown = {one.field for one in self._settings}
            gone = shown - {field for _, field in form.rows(raw)}
            swept, before, self._raw = self._swept(), self._raw, raw
            try:
                self._raw = self._collect(gone)
            except BadSetting:
                self._raw = before
                continue
            self._tell_dropped(swept - {setting.field})
            await self._build()
            self._focus(self._field)
            return

    def _swept(self) -> set[str]:
        """The fields in which several values stand."""
        typed = {one.field: settings.parse_value(one.text) for one in self._settings if one.text}
        return {field for field, value in typed.items() if form.swept(field, self._raw, value) is not None}

    def _tell_dropped(self, swept: set[str]) -> None:
        dropped = swept - set(self._raw.get("sweep", {}))
        if dropped:
            self.notify(f"no longer swept: {', '.join(sorted(dropped))}")

    def _check(self) -> None:
        """Says at the field what is wrong, or above the form what the run will take."""
        self._mark()
        self._checked = self._texts()
        for setting in self._settings:
            setting.complain("")
        try:
            self._spec = self._preset.decode(self._collect())
            need = estimate.estimate(self._spec)
            refused = estimate.refusal(self._spec, machine.free_memory())
            if refused is not None:
                raise BadSetting(refused, "problem.shape")
        except BadSetting as error:
            self._spec = None
            self._complain(error)
            return
        lanes = form.lanes(self._spec, need.n_lanes)
        memory = machine.readable_bytes(need.memory_bytes)
        told = f"{lanes} · about {memory} of memory · {taking(need)}, by rough count"
        found = estimate.narrower(self._spec)
        self.query_one("#need", Static).update(told if found is None else f"{told}\n{narrower(found)}")

    def _texts(self) -> list[str]:
        return [f"{one.field}={one.text}" for one in self._settings]

    def _look(self) -> None:
        """Checks what is new: every field of a form that begins reports the value that it begins with."""
        if self._texts() != self._checked:
            self._check()

    def _base_of(self, field: str) -> Raw:
        """Where the preset says what stands in a field; a part of another kind than the preset's has its defaults."""
        return self._base if field.endswith(".kind") else form.of_kinds(self._base, self._raw)

    def _mark(self) -> None:
        """Says which fields differ from the preset, and how many."""
        base, n_different = self._base_of(""), 0
        for setting in self._settings:
            there = form.value(setting.field, self._base if setting.is_kind else base)
            setting.mark(not form.same(setting.field, self._raw, setting.text, there))
            n_different += setting.differs
        told = f" · {DIFFERS} {n_different} changed" if n_different else ""
        self.query_one("#title", Static).update(f"settings{told} · {inert(self._preset.title, 100)}")

    def _complain(self, error: BadSetting) -> None:
        sentence = inert(str(error), 300)
        self.query_one("#need", Static).update(f"✗ {sentence}")
        setting = self._setting(error.field.partition("[")[0])
        if setting is not None:
            setting.complain(sentence)

    @on(Input.Changed)
    def _changed(self, _: Input.Changed) -> None:
        self._look()

    @on(Select.Changed)
    async def _selected(self, event: Select.Changed) -> None:
        field = event.select.name or ""
        if event.select.id == "size":
            # A select also reports the value it begins with; only another one changes the settings.
            chosen = next((size for size in presets.SIZES if size == event.value), self._chosen_size)
            if chosen != self._chosen_size:
                self._chosen_size = chosen
                self._base = self._raw = self._of_preset(self._chosen_size)
                await self._build()
        elif field.endswith(".kind"):
            part = field.partition(".")[0]
            if event.value != fields.kind(self._raw, part):
                swept = self._swept()
                self._keep(part)
                self._raw = form.with_kind(self._raw, field, event.value)
                self._tell_dropped(swept)
                await self._build()
                self._focus(field)
        else:
            self._look()

    async def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        self._field = event.widget.name or ""
        await self._take_kinds()
        self._explain()
        self.query_one("#beside", VerticalScroll).scroll_home(animate=False)

    def _explain(self) -> None:
        """Says of the field that has the focus what it means: whole where there is a column for it, else in short."""
        whole, note = self.query_one("#explained", Static), self.query_one("#note", Static)
        if self._setting(self._field) is None:
            whole.update("")
            note.update("")
            return
        said = form.explanation(self._field, self._raw, form.value(self._field, self._base_of(self._field)))
        whole.update(said.whole())
        note.update(said.fitted(self.size.width - 2, 2 if self.has_class("low") else 3))

    @on(Input.Submitted)
    def _submitted(self, _: Input.Submitted) -> None:
        self.action_start()

    @on(Button.Pressed, "#start")
    def _pressed(self, _: Button.Pressed) -> None:
        self.action_start()

    def action_start(self) -> None:
        self._check()
        if self._spec is None:
            self.app.bell()
            return
        if self.app.screen is not self:
            # A second enter, typed before the first one's run was shown.
            return
        self.app.run_spec(self._preset, self._spec, self._beside)

    def action_jump(self) -> None:
        self.app.push_screen(Finder("Go to a setting", self._entries), self._found)

    def _entries(self, words: str) -> list[Entry]:
        """The fields that fit the words, those first whose own name begins so."""
        entries = [Entry(f"size  {self._chosen_size}", "size", "size")]
        entries += [Entry(f"{one.field}  {one.text}".rstrip(), "field", one.field) for one in self._settings]
        begin = words.strip().lower()
        fitting = [entry for entry in entries if entry.fits(words)]
        return sorted(fitting, key=lambda entry: not entry.key.rpartition(".")[2].startswith(begin))

    def _found(self, entry: Entry | None) -> None:
        if entry is None:
            return
        if entry.kind == "size":
            self.query_one("#size").focus()
        else:
            self._focus(entry.key)

    async def action_reset(self) -> None:
        setting = self._setting(self._field)
        if setting is None:
            self.notify("go to the field that is to be reset")
            return
        if not setting.differs:
            self.notify(f"{setting.field} is as in the preset")
            return
        field, part = setting.field, setting.field.partition(".")[0]
        base = self._base_of(field)
        text, default = form.value(field, base), form.default(field, self._raw)
        if not setting.put(text or default if isinstance(setting.entry, Select) else text):
            self._keep()
            if setting.is_kind:
                self._raw = form.with_part_of(self._base, self._raw, part)
            else:
                self._raw = settings.apply(self._raw, [], [(field, settings.parse_value(text))])
            await self._build()
            self._focus(field)
        told = text or (f"its default, {default}" if default else "nothing, as in the preset")
        self.notify(inert(f"{field} reset to {told}"), markup=False)

    def action_save(self) -> None:
        self._check()
        spec = self._spec
        if spec is None:
            self.app.complain("these settings cannot run yet: correct what is wrong, then save them")
            return
        raw = self._collect()

        def named(path: Path | None) -> None:
            if path is None:
                return
            try:
                writing.save(path, self._preset, spec, raw, self._changes())
            except BadSetting as error:
                self.app.complain(str(error))
                return
            told = f"saved as {path}: `implicit-tui run {path.stem}` runs it"
            self.notify(inert(told, 400), markup=False, timeout=10)

        is_own = self._preset.path.parent == presets.own_directory()
        self.app.push_screen(SaveDialog(self._preset.name if is_own else writing.proposed(self._preset)), named)

    def _changes(self) -> str:
        """What differs from the preset, in a line."""
        told = [f"{one.field} {one.text or 'left empty'}" for one in self._settings if one.differs]
        size = [f"size {self._chosen_size}"] if self._chosen_size != "default" else []
        return inert(", ".join(size + told), 300)

    async def action_edit_text(self) -> None:
        refused: list[BadSetting] = []
        try:
            text = given = self._draft or self._as_text(self._collect())
            with self.app.suspend():
                try:
                    text = editor.edited(given)
                except BadSetting as error:
                    # Raised from here it would leave the app suspended.
                    refused.append(error)
        except SuspendNotSupported:
            self.app.complain("there is no terminal here that an editor could have: change the fields")
            return
        except BadSetting as error:
            refused.append(error)
        if refused:
            self.app.complain(str(refused[0]))
            return
        self._draft = ""
        if text == given:
            self.notify("the settings are as they were")
            return
        try:
            raw = _read(text)
            self._preset.decode(raw)
        except BadSetting as error:
            self._draft = _with_complaint(text, str(error))
            self.app.complain(f"{error}; the fields are as they were, and f8 goes on with what was written")
            return
        field, self._raw = self._field, fields.with_fitting_parts(raw)
        await self._build()
        self._focus(field if self._setting(field) is not None else "problem.kind")
        self.notify("the settings are as written")

    def _as_text(self, raw: Raw) -> str:
        return (
            f"# The settings of {inert(self._preset.name, 60)}: what is saved is checked, then stands in the form.\n"
            f"# `implicit-tui schema spec` says what each may be.\n\n{writing.settings_toml(raw)}"
        )

    def action_enqueue(self) -> None:
        self._check()
        if self._spec is None:
            self.app.bell()
        elif self.app.screen is self and self.app.queue_spec(self._preset, self._spec):
            self.app.pop_screen()

    def action_leave(self) -> None:
        self.app.pop_screen()


_COMPLAINT = "# ✗ "


def _with_complaint(text: str, sentence: str) -> str:
    """What was written, below what is wrong with it."""
    lines = [line for line in text.splitlines() if not line.startswith(_COMPLAINT)]
    return "\n".join([f"{_COMPLAINT}{inert(sentence, 400)}", *lines]) + "\n"


def _read(text: str) -> Raw:
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadSetting(f"this is not valid TOML ({str(error)[:200]})") from None
