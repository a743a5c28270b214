package task

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf16"

	"github.com/kes-respond/kes-respond/shared"
)

// maxUnits is the longest path and the longest command line that Windows
// takes, in UTF-16 units. A schema counts characters, so this is ours to say.
const maxUnits = 32767

var tooLongMessage = fmt.Sprintf("is longer than %d UTF-16 units, the most that Windows takes", maxUnits)

func tooLong(s string) bool {
	if len(s) <= maxUnits {
		return false
	}
	units := 0
	for _, r := range s {
		units += utf16.RuneLen(r)
	}
	return units > maxUnits
}

// checkPath refuses a path that cannot be one full path on a Windows host, or
// that Windows would read as another one. It runs there as SYSTEM, in a folder
// that nobody knows, so a relative path could mean anything; a lost character
// that became '*' or '?' would read as a mask; and a policy that protects a
// place compares text. An empty path passes.
func checkPath(pointer, path string) []shared.Violation {
	message := ""
	switch {
	case path == "":
		return nil
	case tooLong(path):
		message = tooLongMessage
	case strings.ContainsAny(path, "*?"):
		message = "holds '*' or '?': masks are not taken, and a lost character looks like one"
	case strings.ContainsFunc(path, unicode.IsControl):
		message = "holds a control character"
	case strings.ContainsAny(path, `<>|"`):
		message = `holds '<', '>', '|' or '"', which no Windows path has`
	case strings.Trim(path, " ") != path:
		message = "begins or ends with a blank"
	default:
		message = checkSteps(path)
	}
	if message == "" {
		return nil
	}
	return []shared.Violation{{Pointer: pointer, Message: message}}
}

// checkFile refuses, besides, a path that ends in a folder.
func checkFile(pointer, path string) []shared.Violation {
	found := checkPath(pointer, path)
	if len(found) == 0 && path != "" {
		root, steps, _ := cutRoot(strings.ReplaceAll(path, "/", `\`))
		if steps[len(steps)-1] == "" || root == share && len(steps) < 3 {
			found = []shared.Violation{{Pointer: pointer, Message: "names a folder, and nothing says which file"}}
		}
	}
	return found
}

// The ways in which a full path begins.
const (
	drive    = `C:\`
	share    = `\\`
	variable = `%SystemRoot%\`
)

// cutRoot takes the beginning from a path with backslashes and gives its steps;
// those of a share are the server, the share and what follows.
func cutRoot(path string) (root string, steps []string, ok bool) {
	rest := ""
	if after, found := strings.CutPrefix(path, `\\`); found {
		root, rest = share, after
		server, after, found := strings.Cut(rest, `\`)
		ok = found && server != "" && after != ""
	} else if after, found := strings.CutPrefix(path, "%"); found {
		name, after, found := strings.Cut(after, `%\`)
		root, rest = variable, after
		ok = found && name != "" && !strings.ContainsAny(name, `\%`) && rest != ""
	} else if len(path) >= 3 && path[1:3] == `:\` {
		root, rest = drive, path[3:]
		letter := path[0] | 0x20
		ok = letter >= 'a' && letter <= 'z'
	}
	return root, strings.Split(rest, `\`), ok
}

// checkSteps says what is wrong with the steps of a path, or nothing.
func checkSteps(path string) string {
	_, steps, ok := cutRoot(strings.ReplaceAll(path, "/", `\`))
	if !ok {
		return `is no full path: it must begin with a drive (C:\), a share (\\server\share) or a variable (%SystemRoot%\)`
	}
	for i, step := range steps {
		switch {
		case step == "" && i < len(steps)-1:
			return "holds two separators in a row: was a backslash doubled on the way here?"
		case step == "." || step == "..":
			return `holds a "." or ".." step: write out the path that is meant`
		case strings.HasSuffix(step, "."):
			return "holds a name that ends with a dot, which Windows drops"
		case strings.Contains(step, ":"):
			return "holds ':' after the drive: data streams and lists are not taken"
		}
	}
	return ""
}

func onePath(path string, effect shared.Effect, subfolders bool) []Path {
	return []Path{{Path: path, Effect: effect, Subfolders: subfolders}}
}
