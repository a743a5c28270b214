package task

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
)

// The limits of an IOC archive. Those of size are the product's for IOC tasks
// made in its console (EDR Optimum pages); that it holds requests to them too
// is not confirmed against a live KSC. Nobody after us refuses a file that the
// product cannot use, so it is done here.
const (
	maxIOCFile    = 2 << 20  // unpacked
	maxIOCTotal   = 10 << 20 // unpacked
	maxIOCEntries = 1000
	maxXMLDepth   = 256
)

var errNotBase64 = errors.New("is not base64 (the standard alphabet, padded, without line ends)")

// loadArchive makes the base64 of an archive out of one ZIP or of .ioc and
// .xml files.
func loadArchive(files []File) (string, error) {
	if len(files) == 0 {
		return "", errors.New("no file was given")
	}
	data := files[0].Data
	if len(files) > 1 || isIndicator(files[0].Name) {
		var err error
		if data, err = zipped(files); err != nil {
			return "", err
		}
	}
	if err := checkArchive(data); err != nil {
		return "", fmt.Errorf("%s: it %w", files[0].Name, err)
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

func isIndicator(name string) bool {
	ext := strings.ToLower(path.Ext(name))
	return ext == ".ioc" || ext == ".xml"
}

// checkArchive reads the whole archive as the product would. Sizes are counted
// while unpacking: what headers promise is an attacker's to write.
func checkArchive(data []byte) error {
	z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return errors.New("is no ZIP archive that can be opened")
	}
	if len(z.File) > maxIOCEntries {
		return fmt.Errorf("has %d entries; at most %d are taken", len(z.File), maxIOCEntries)
	}
	total, files := int64(0), 0
	names, ids := map[string]bool{}, map[string]bool{}
	for n, f := range z.File {
		if strings.HasSuffix(f.Name, "/") && f.UncompressedSize64 == 0 {
			continue
		}
		files++
		id, size, err := checkEntry(f)
		total += size
		switch {
		case err != nil:
			return fmt.Errorf("entry %d %w", n+1, err)
		case total > maxIOCTotal:
			return fmt.Errorf("unpacks to more than %d bytes", maxIOCTotal)
		case names[strings.ToLower(f.Name)]:
			return fmt.Errorf("entry %d has the name of an earlier one", n+1)
		case ids[strings.ToLower(id)]:
			return fmt.Errorf("entry %d has the id of an earlier one; ids must be unique", n+1)
		}
		names[strings.ToLower(f.Name)], ids[strings.ToLower(id)] = true, true
	}
	if files == 0 {
		return errors.New("holds no .ioc or .xml file")
	}
	return nil
}

func checkEntry(f *zip.File) (id string, size int64, err error) {
	switch {
	case !isIndicator(f.Name):
		return "", 0, errors.New("is neither .ioc nor .xml")
	case path.IsAbs(f.Name) || strings.ContainsAny(f.Name, "\\:\x00") || strings.Contains("/"+f.Name+"/", "/../"):
		return "", 0, errors.New("has a name that leads out of the archive")
	case f.Flags&1 != 0:
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

// checkXML demands well-formed OpenIOC 1.0 or 1.1 without a document type:
// entities of its own could read files or grow without end. It returns the id.
func checkXML(data []byte) (id string, err error) {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	d := xml.NewDecoder(bytes.NewReader(data))
	d.CharsetReader = func(label string, in io.Reader) (io.Reader, error) {
		if strings.EqualFold(label, "us-ascii") {
			return in, nil
		}
		return nil, fmt.Errorf("is written in another encoding than UTF-8")
	}
	depth, roots := 0, 0
	for {
		token, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			return "", errors.New("is not well-formed XML in UTF-8")
		}
		switch t := token.(type) {
		case xml.Directive:
			return "", errors.New("declares a document type, which is not taken")
		case xml.StartElement:
			depth++
			if depth > maxXMLDepth {
				return "", fmt.Errorf("is nested deeper than %d elements", maxXMLDepth)
			}
			if depth == 1 {
				roots++
				if id, err = rootID(t); err != nil {
					return "", err
				}
			}
		case xml.EndElement:
			depth--
		case xml.CharData:
			if depth == 0 && len(bytes.TrimSpace(t)) > 0 {
				return "", errors.New("is not well-formed XML: text outside its element")
			}
		}
	}
	if roots != 1 || depth != 0 {
		return "", errors.New("is not well-formed XML: it needs exactly one outermost element")
	}
	return id, nil
}

func rootID(root xml.StartElement) (string, error) {
	if root.Name.Local != "ioc" && root.Name.Local != "OpenIOC" {
		return "", errors.New("is XML, but no OpenIOC: its outermost element is neither ioc nor OpenIOC")
	}
	for _, a := range root.Attr {
		if a.Name.Local == "id" && a.Name.Space == "" && a.Value != "" {
			return a.Value, nil
		}
	}
	return "", errors.New("has no id; the ids of the files must be unique")
}
