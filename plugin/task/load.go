package task

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// loadArchive makes the base64 of an archive out of one ZIP, which is taken as
// it is, or of .ioc and .xml files.
func loadArchive(files []File) (string, error) {
	if len(files) == 0 {
		return "", errors.New("no file was given")
	}
	if len(files) == 1 && !isIndicator(files[0].Name) {
		err := checkArchive(files[0].Data)
		var one *entryError
		switch {
		case errors.As(err, &one):
			return "", fmt.Errorf("%s: %w", files[0].Name, one)
		case err != nil:
			return "", fmt.Errorf("%s: it %w", files[0].Name, err)
		}
		return base64.StdEncoding.EncodeToString(files[0].Data), nil
	}
	files = slices.SortedStableFunc(slices.Values(files), func(a, b File) int { return strings.Compare(a.Name, b.Name) })
	data, err := zipped(files)
	if err != nil {
		return "", err
	}
	err = checkArchive(data)
	var one *entryError
	switch {
	case errors.As(err, &one):
		return "", fmt.Errorf("%s: it %w", files[one.entry-1].Name, one.err)
	case err != nil:
		return "", fmt.Errorf("the archive of these files %w", err)
	}
	return base64.StdEncoding.EncodeToString(data), nil
}

// zipped writes a ZIP that depends on nothing but its files, so that the same
// request has the same digest.
func zipped(files []File) ([]byte, error) {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for _, f := range files {
		w, err := z.CreateHeader(&zip.FileHeader{Name: f.Name, Method: zip.Deflate})
		if err != nil {
			return nil, err
		}
		if _, err := w.Write(f.Data); err != nil {
			return nil, err
		}
	}
	err := z.Close()
	return b.Bytes(), err
}
