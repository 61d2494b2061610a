"""One file a step; expand first, contract a release later."""
