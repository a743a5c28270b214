package task

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/kes-respond/kes-respond/shared"
)

// The patterns of hashes, as they stand in the struct tags of the tasks.
const (
	md5OrEmpty    = "^([0-9A-Fa-f]{32})?$"
	md5Only       = "^[0-9A-Fa-f]{32}$"
	sha256OrEmpty = "^([0-9A-Fa-f]{64})?$"
)

// maxPath is the longest path that Windows takes, in characters.
const maxPath = 32767

// fileRef is how a file is named in most tasks: by path, by hash or by both.
// KES needs at least one of them (EDR Optimum pages; for these requests not
// confirmed against a live KSC).
type fileRef struct {
	MD5    string `json:"md5hash" jsonschema:"title=MD5,description=MD5 of the file; empty where it is named otherwise,pattern=^([0-9A-Fa-f]{32})?$"`
	SHA256 string `json:"sha256hash" jsonschema:"title=SHA-256,description=SHA-256 of the file; empty where it is named otherwise,pattern=^([0-9A-Fa-f]{64})?$"`
	Path   string `json:"path" jsonschema:"title=Path,description=Full path of the file on the host; empty where a hash names it,maxLength=32767"`
}

func (f fileRef) check() []shared.Violation {
	if f.MD5 == "" && f.SHA256 == "" && f.Path == "" {
		return []shared.Violation{{Pointer: "", Message: "names no file: path, md5hash and sha256hash are all empty"}}
	}
	return checkPath("/path", f.Path)
}

// checkPath refuses a path that cannot be one full path on a Windows host. It
// runs there as SYSTEM, in a folder that nobody knows, so a relative path
// could mean anything; a lost character that became '*' or '?' would read as
// a mask. An empty path passes.
func checkPath(pointer, path string) []shared.Violation {
	wrong := func(format string, a ...any) []shared.Violation {
		return []shared.Violation{{Pointer: pointer, Message: fmt.Sprintf(format, a...)}}
	}
	switch {
	case path == "":
		return nil
	case utf8.RuneCountInString(path) > maxPath:
		return wrong("is longer than %d characters", maxPath)
	case strings.ContainsAny(path, "*?"):
		return wrong("holds '*' or '?': masks are not taken, and a lost character looks like one")
	case strings.ContainsFunc(path, unicode.IsControl):
		return wrong("holds a control character")
	case strings.ContainsAny(path, `<>|"`):
		return wrong("holds a character that no Windows path has")
	case strings.TrimSpace(path) != path:
		return wrong("begins or ends with a blank")
	case !fullPath(path):
		return wrong(`is no full path: it must begin with a drive (C:\), a share (\\server\share) or a variable (%%SystemRoot%%\)`)
	}
	return nil
}

func fullPath(path string) bool {
	p := strings.ReplaceAll(path, "/", `\`)
	if strings.HasPrefix(p, `\\`) {
		server, rest, ok := strings.Cut(p[2:], `\`)
		return ok && server != "" && rest != ""
	}
	if strings.HasPrefix(p, "%") {
		name, rest, ok := strings.Cut(p[1:], `%\`)
		return ok && name != "" && !strings.Contains(name, `\`) && rest != ""
	}
	letter := len(p) >= 3 && (p[0]|0x20) >= 'a' && (p[0]|0x20) <= 'z'
	return letter && p[1] == ':' && p[2] == '\\'
}

func onePath(path string, effect shared.Effect, subfolders bool) []Path {
	return []Path{{Path: path, Effect: effect, Subfolders: subfolders}}
}
