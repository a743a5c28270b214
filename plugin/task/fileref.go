package task

import "github.com/kes-respond/kes-respond/shared"

// The patterns of hashes, as they stand in the struct tags of the tasks.
const (
	md5OrEmpty    = "^([0-9A-Fa-f]{32})?$"
	md5Only       = "^[0-9A-Fa-f]{32}$"
	sha256OrEmpty = "^([0-9A-Fa-f]{64})?$"
)

// fileRef is how a file is named in most tasks: by path, by hash or by both.
// KES needs at least one of them (EDR Optimum pages; for these requests not
// confirmed against a live KSC).
type fileRef struct {
	MD5    string `json:"md5hash" jsonschema:"title=MD5,description=MD5 of the file; empty where it is named otherwise,pattern=^([0-9A-Fa-f]{32})?$"`
	SHA256 string `json:"sha256hash" jsonschema:"title=SHA-256,description=SHA-256 of the file; empty where it is named otherwise,pattern=^([0-9A-Fa-f]{64})?$"`
	Path   string `json:"path" jsonschema:"title=Path,description=Full path of the file on the host; empty where a hash names it,maxLength=32767"`
}

// check refuses what names no file. With a hash the path may be a folder, to
// search there; without one a folder could be taken as what to delete.
func (f fileRef) check() []shared.Violation {
	if f.MD5 == "" && f.SHA256 == "" && f.Path == "" {
		return []shared.Violation{{Pointer: "", Message: "names no file: path, md5hash and sha256hash are all empty"}}
	}
	if f.MD5 == "" && f.SHA256 == "" {
		return checkFile("/path", f.Path)
	}
	return checkPath("/path", f.Path)
}
