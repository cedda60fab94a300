"""What a person sees: the command line, the app, its screens, widgets and drawing."""
