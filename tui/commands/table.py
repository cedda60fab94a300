"""Every command with what it does, in the order of the help; each is the file of its name."""

from __future__ import annotations

COMMANDS = {
    "run": "run a preset or a TOML file without the app, and export it",
    "presets": "list the presets",
    "show": "print a preset's TOML, to copy and edit",
    "runs": "list the runs on this machine",
    "attach": "open the app on a run, live or finished",
    "resume": "take a killed or stopped run up again",
    "stop": "stop a live run",
    "prune": "delete old runs",
    "export": "write a run as JSON, JSON lines, CSV or SVG",
    "predict": "write a run's predictions as CSV, with the file's own ids",
    "data": "say what is in a file of ratings, what must be beaten, and what runs it",
    "verify": "run presets at their quick size and judge every claim",
    "info": "show versions, directories and devices",
    "schema": "print the JSON Schema of the spec or the export",
    "config": "where the app's configuration is, what it says, whether it is right",
    "completion": "print the completion of a shell",
    "serve": "show the app in a browser on this machine",
}
