package main

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/kes-respond/kes-respond/plugin/ksc/ksctest"
)

// readJSON reads one JSON value and nothing after it, with no member that is unknown.
func readJSON(path string, into any) error {
	file, err := os.Open(path)
	if err != nil {
		return fail(exitFile, "%w", err)
	}
	defer file.Close()
	d := json.NewDecoder(file)
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return fail(exitData, "%s: %w", path, err)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return fail(exitData, "%s: there is text after the JSON value", path)
	}
	return nil
}

// readFile reads a file whose content New checks.
func readFile(path string) ([]byte, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fail(exitFile, "%w", err)
	}
	return text, nil
}

// identity reads certificate and key, or makes them.
func identity(path string) (*tls.Certificate, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if text, err = ksctest.NewIdentity(); err != nil {
			return nil, fail(exitInternal, "%w", err)
		}
		err = os.WriteFile(path, text, 0o600)
	}
	if err != nil {
		return nil, fail(exitFile, "%w", err)
	}
	pair, err := tls.X509KeyPair(text, text)
	if err != nil {
		return nil, fail(exitData, "%s: %w", path, err)
	}
	return &pair, nil
}

// prepare takes away a ready file left by an earlier run, which would send others to the wrong port, and finds out now
// rather than at the end that the state cannot be written.
func prepare(f *flags) error {
	if f.readyFile != "" {
		if info, err := os.Lstat(f.readyFile); err == nil && info.IsDir() {
			return fail(exitFile, "--ready-file: %s is a directory", f.readyFile)
		}
		if err := os.Remove(f.readyFile); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fail(exitFile, "%w", err)
		}
	}
	if f.stateOut == "" {
		return nil
	}
	if _, err := os.Stat(filepath.Dir(f.stateOut)); err != nil {
		return fail(exitFile, "--state-out: %w", err)
	}
	return nil
}

// The modes of files: address and certificate are for others to read, what clients sent is its owner's.
const (
	forOthers = 0o644
	forOwner  = 0o600
)

// writeFile puts the content where path says by rename, so that nobody ever sees a part of it. An empty path is no file.
func writeFile(path string, content []byte, mode fs.FileMode) (err error) {
	if path == "" {
		return nil
	}
	tmp, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return fail(exitFile, "%w", err)
	}
	_, err = tmp.Write(content)
	err = errors.Join(err, tmp.Chmod(mode), tmp.Close())
	if err == nil {
		err = os.Rename(tmp.Name(), path)
	}
	if err != nil {
		os.Remove(tmp.Name())
		return fail(exitFile, "%w", err)
	}
	return nil
}

func writeState(path string, st ksctest.State) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", "  ")
	if err := e.Encode(st); err != nil {
		return fail(exitInternal, "the state: %w", err)
	}
	return writeFile(path, b.Bytes(), forOwner)
}

// recordFile appends to the file that --record names.
type recordFile struct{ file *os.File }

func openRecord(path string) (recordFile, error) {
	if path == "" {
		return recordFile{}, nil
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return recordFile{}, fail(exitFile, "%w", err)
	}
	return recordFile{file}, nil
}

func (r recordFile) writer() io.Writer {
	if r.file == nil {
		return nil
	}
	return r.file
}

func (r recordFile) close() error {
	if r.file == nil {
		return nil
	}
	if err := r.file.Close(); err != nil {
		return fail(exitFile, "closing the record: %w", err)
	}
	return nil
}
