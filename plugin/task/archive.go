package task

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"unicode"
)

// The limits of an IOC archive. Those of size are the product's for IOC tasks
// made in its console (EDR Optimum pages); that it holds requests to them too
// is not confirmed against a live KSC. Nobody after us refuses a file that the
// product cannot use, so it is done here.
const (
	maxIOCFile    = 2 << 20  // unpacked
	maxIOCTotal   = 10 << 20 // unpacked
	maxIOCEntries = 1000
)

var errNotBase64 = errors.New("is not base64 (the standard alphabet, padded, without line ends)")

// checkBase64 checks an archive as it stands in a request.
func checkBase64(text string) error {
	if strings.ContainsAny(text, "\r\n") { // the decoder skips them, others may not
		return errNotBase64
	}
	data, err := base64.StdEncoding.Strict().DecodeString(text)
	if err != nil {
		return errNotBase64
	}
	return checkArchive(data)
}

// entryError is what is wrong with one entry; the first is 1.
type entryError struct {
	entry int
	err   error
}

func (e *entryError) Error() string { return fmt.Sprintf("entry %d %v", e.entry, e.err) }

// The signatures of a ZIP's records.
const (
	localRecord   = "PK\x03\x04"
	centralRecord = "PK\x01\x02"
)

// checkArchive reads the whole archive as the product would. Sizes are counted
// while unpacking: what headers promise is an attacker's to write.
func checkArchive(data []byte) error {
	// Counted before the directory is read, which takes far more memory than
	// its bytes. Packed XML does not hold this signature by chance so often.
	if bytes.Count(data, []byte(centralRecord)) > maxIOCEntries {
		return fmt.Errorf("has more than %d entries", maxIOCEntries)
	}
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return errors.New("is no ZIP archive that can be opened")
	}
	if len(z.File) > 0 && !bytes.HasPrefix(data, []byte(localRecord)) {
		return errors.New("does not begin as a ZIP archive: something stands before its first entry")
	}
	total, files := int64(0), 0
	names, ids := map[string]bool{}, map[string]bool{}
	for n, f := range z.File {
		wrong := func(format string, a ...any) error { return &entryError{n + 1, fmt.Errorf(format, a...)} }
		if leadsOut(f.Name) {
			return wrong("has a name that leads out of the archive")
		}
		if strings.HasSuffix(f.Name, "/") && f.UncompressedSize64 == 0 {
			continue
		}
		files++
		id, size, err := checkEntry(f)
		name := strings.ToLower(path.Clean(f.Name))
		total += size
		switch {
		case err != nil:
			return wrong("%w", err)
		case total > maxIOCTotal:
			return fmt.Errorf("unpacks to more than %d bytes", maxIOCTotal)
		case names[name]:
			return wrong("has the name of an earlier one")
		case ids[id]:
			return wrong("has the id of an earlier one; ids must be unique")
		}
		names[name], ids[id] = true, true
	}
	if files == 0 {
		return errors.New("holds no .ioc or .xml file")
	}
	return nil
}

// leadsOut says whether a name, taken as a path on Windows, could mean a place
// outside the folder that an archive is unpacked to.
func leadsOut(name string) bool {
	return path.IsAbs(name) || strings.ContainsAny(name, `\:`) || strings.ContainsFunc(name, unicode.IsControl) ||
		strings.Contains("/"+name+"/", "/../")
}

func isIndicator(name string) bool {
	ext := strings.ToLower(path.Ext(name))
	return ext == ".ioc" || ext == ".xml"
}

// encrypted are the flags of an entry that needs a key or another file.
const encrypted = 1<<0 | 1<<5 | 1<<6 | 1<<13

func checkEntry(f *zip.File) (id string, size int64, err error) {
	switch {
	case !isIndicator(f.Name):
		return "", 0, errors.New("is neither .ioc nor .xml")
	case f.Flags&encrypted != 0:
		return "", 0, errors.New("is encrypted")
	case f.Method != zip.Store && f.Method != zip.Deflate:
		return "", 0, errors.New("is packed by a method other than store or deflate")
	case !f.Mode().IsRegular():
		return "", 0, errors.New("is no plain file")
	}
	r, err := f.Open()
	if err != nil {
		return "", 0, errors.New("cannot be unpacked")
	}
	defer r.Close()
	data, err := io.ReadAll(io.LimitReader(r, maxIOCFile+1))
	if len(data) > maxIOCFile {
		return "", int64(len(data)), fmt.Errorf("unpacks to more than %d bytes", maxIOCFile)
	}
	if err != nil {
		return "", int64(len(data)), errors.New("cannot be unpacked: it is damaged")
	}
	id, err = checkXML(data)
	return id, int64(len(data)), err
}
