package main

import (
	"os"
	"runtime"

	"golang.org/x/term"

	"github.com/kes-respond/kes-respond/shared"
)

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

// width is how wide the terminal is; 80 where it does not say.
func (s surroundings) width() int {
	if f, ok := s.out.(*os.File); ok {
		if w, _, err := term.GetSize(int(f.Fd())); err == nil && w > 0 {
			return w
		}
	}
	return 80
}

// coloured is an outcome that can be told from others at a glance.
func coloured(o shared.Outcome) string {
	code := "31" // red
	switch o {
	case shared.Succeeded, shared.Submitted, shared.Planned:
		code = "32" // green
	case shared.Pending, shared.Partial, shared.Cancelled:
		code = "33" // yellow
	}
	return "\x1b[" + code + "m" + string(o) + "\x1b[0m"
}
