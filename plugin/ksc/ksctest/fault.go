package ksctest

import (
	"fmt"
	"strings"
)

// fault is a method that failed: HTTP 200 with PxgError (KSCAPI main page; codes a00337).
type fault struct {
	module        string
	code, subcode int
	message       string
	args          []string // for the %1, %2 of message
}

func (f *fault) Error() string {
	text := f.message
	for i, a := range f.args {
		text = strings.ReplaceAll(text, fmt.Sprintf("%%%d", i+1), a)
	}
	return fmt.Sprintf("%s %d: %s", f.module, f.code, text)
}

// answer is the error as it goes out. Subcode and locdata are there as in servers since 12.2.
func (f *fault) answer() answer {
	_, text, _ := strings.Cut(f.Error(), ": ")
	args := make([]any, len(f.args))
	for i, a := range f.args {
		args[i] = a
	}
	return answer{"PxgError": map[string]any{
		"code": f.code, "subcode": f.subcode, "module": f.module, "file": "emulator", "line": 1, "message": text,
		"locdata": wrap("params", map[string]any{"format-id": 1, "format": f.message, "locmodule": f.module, "args": args}),
	}}
}

// longestArg bounds what a client said where an error repeats it, in bytes.
const longestArg = 256

func clip(text string) string {
	if len(text) <= longestArg {
		return text
	}
	return strings.ToValidUTF8(text[:longestArg], "") + "..."
}

func missing(name string) error {
	return &fault{module: "KLPRSS", code: 1125, message: "A needed value is absent: %1", args: []string{name}}
}

func denied(what string) error {
	return &fault{module: "KLSTD", code: 1184, message: "Access is denied: %1", args: []string{what}}
}

func notFound(what string) error {
	return &fault{module: "KLSTD", code: 1186, message: "Not found: %1", args: []string{clip(what)}}
}

func badFormat(format string, a ...any) error {
	return &fault{module: "KLSTD", code: 1192, message: "Bad format: %1", args: []string{clip(fmt.Sprintf(format, a...))}}
}

func notPermitted(what string) error {
	return &fault{module: "KLSTD", code: 1193, message: "Not permitted: %1", args: []string{what}}
}

func unavailable(subcode int, why string) error {
	return &fault{module: "KLSTD", code: 1195, subcode: subcode, message: "Unavailable: %1", args: []string{why}}
}

func overLimit() error {
	return &fault{module: "KLSTD", code: 1229, subcode: -1, message: "A limit is exceeded"}
}

func noCall(name string) error {
	return &fault{module: "KLCONN", code: 1194, message: "No such call: %1", args: []string{clip(name)}}
}

func blocked() error {
	return &fault{module: "SPL", code: 2013, message: "The account is blocked after too many wrong passwords"}
}
