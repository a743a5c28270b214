package main

import "runtime"

// moves says that a terminal is there on which lines can change in place. Windows
// has no TERM; elsewhere one without it can do nothing.
func (s surroundings) moves() bool {
	kind := s.getenv("TERM")
	return s.terminal && kind != "dumb" && (kind != "" || runtime.GOOS == "windows")
}

// colours says that colour is shown: on a terminal that knows it, unless
// somebody has said no (no-color.org). Old consoles of Windows would print the
// codes.
func (s surroundings) colours() bool {
	return s.moves() && s.getenv("NO_COLOR") == "" && (runtime.GOOS != "windows" || s.getenv("WT_SESSION") != "")
}
