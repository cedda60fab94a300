"""Pictures of the app's screens for README and docs, drawn from runs that are kept beside them."""
