package task

import (
	"archive/zip"
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io/fs"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestArchivesThatAreTaken(t *testing.T) {
	t.Parallel()
	for name, data := range map[string][]byte{
		"one stored":                   archive(t, entry{name: "a.ioc", data: ioc("1")}),
		"one deflated":                 archive(t, entry{name: "a.ioc", data: ioc("1"), method: zip.Deflate}),
		"xml, upper case":              archive(t, entry{name: "A.XML", data: ioc("1")}),
		"in folders":                   archive(t, entry{name: "x/"}, entry{name: "x/y/", mode: fs.ModeDir | 0o755}, entry{name: "x/y/a.ioc", data: ioc("1")}, entry{name: "x/a.ioc", data: ioc("2")}),
		"name in Cyrillic":             archive(t, entry{name: "индикатор.ioc", data: ioc("1")}),
		"name with two dots":           archive(t, entry{name: "a..b/..c.ioc", data: ioc("1")}),
		"as Unix stores it":            archive(t, entry{name: "a.ioc", data: ioc("1"), mode: 0o644}),
		"a file at the edge":           archive(t, entry{name: "a.ioc", data: sized(t, "1", maxIOCFile), method: zip.Deflate}),
		"a stored file at the edge":    archive(t, entry{name: "a.ioc", data: sized(t, "1", maxIOCFile)}),
		"all together at the edge":     archive(t, many(t, 5, maxIOCTotal/5)...),
		"as many entries as are taken": archive(t, many(t, maxIOCEntries, 0)...),
		"a comment at the end":         commented(t),
		"written as a stream":          streamed(t),
	} {
		assert.NoError(t, checkArchive(data), name)
	}
}

func commented(t *testing.T) []byte {
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	require.NoError(t, z.SetComment("made by hand"))
	w, err := z.Create("a.ioc")
	require.NoError(t, err)
	_, err = w.Write(ioc("1"))
	require.NoError(t, err)
	require.NoError(t, z.Close())
	return b.Bytes()
}

// streamed has its sizes after the data, as writers to a pipe put them.
func streamed(t *testing.T) []byte {
	data, err := zipped([]File{{Name: "a.ioc", Data: ioc("1")}})
	require.NoError(t, err)
	require.NotZero(t, data[6]&8, "the sizes stand after the data")
	return data
}

func TestArchivesThatAreRefused(t *testing.T) {
	t.Parallel()
	good := archive(t, entry{name: "a.ioc", data: ioc("1"), method: zip.Deflate})
	flag := func(f uint16) func(*zip.FileHeader) { return func(h *zip.FileHeader) { h.Flags |= f } }
	size := func(n uint64) func(*zip.FileHeader) {
		return func(h *zip.FileHeader) { h.UncompressedSize64 = n }
	}
	bomb := sized(t, "1", 4<<20)
	one := func(e entry) []byte { return archive(t, e) }
	const (
		noZIP    = "is no ZIP archive that can be opened"
		noFile   = "holds no .ioc or .xml file"
		damaged  = "entry 1 cannot be unpacked: it is damaged"
		locked   = "entry 1 is encrypted"
		leads    = "entry 1 has a name that leads out of the archive"
		tooMany  = "has more than 1000 entries"
		tooLarge = "entry 1 unpacks to more than 2097152 bytes"
		inAll    = "unpacks to more than 10485760 bytes"
		before   = "does not begin as a ZIP archive: something stands before its first entry"
		badKind  = "entry 1 is neither .ioc nor .xml"
		method   = "entry 1 is packed by a method other than store or deflate"
		twiceID  = "entry 2 has the id of an earlier one; ids must be unique"
		twiceIn  = "entry 2 has the name of an earlier one"
	)
	for _, c := range []struct {
		name string
		data []byte
		want string
	}{
		{"nothing", nil, noZIP},
		{"XML itself", ioc("1"), noZIP},
		{"RAR", []byte("Rar!\x1a\x07\x01\x00"), noZIP},
		{"cut off", good[:len(good)-1], noZIP},
		{"cut in the middle", good[:len(good)/2], noZIP},
		{"empty ZIP", archive(t), noFile},
		{"folders alone", archive(t, entry{name: "a/"}, entry{name: "b.ioc/"}), noFile},
		{"program before it", append([]byte("MZ program "), good...), before},
		{"another kind of file", one(entry{name: "readme.txt", data: ioc("1")}), badKind},
		{"another kind beside a good one", archive(t, entry{name: "a.ioc", data: ioc("1")}, entry{name: "a.exe"}), "entry 2 is neither .ioc nor .xml"},
		{"ZIP in a ZIP", one(entry{name: "a.zip", data: good}), badKind},
		{"ZIP in a ZIP by another name", one(entry{name: "a.ioc", data: good}), "entry 1 is not well-formed XML in UTF-8"},
		{"no extension", one(entry{name: "ioc", data: ioc("1")}), badKind},
		{"blank after the extension", one(entry{name: "a.ioc ", data: ioc("1")}), badKind},

		{"file over the edge", one(entry{name: "a.ioc", data: sized(t, "1", maxIOCFile+1), method: zip.Deflate}), tooLarge},
		{"stored file over the edge", one(entry{name: "a.ioc", data: sized(t, "1", maxIOCFile+1)}), tooLarge},
		{"bomb", one(entry{name: "a.ioc", data: bomb, method: zip.Deflate}), tooLarge},
		{"bomb that says it is small", one(entry{name: "a.ioc", data: bomb, method: zip.Deflate, lie: size(100)}), damaged},
		{"bomb that says it is empty", one(entry{name: "a.ioc", data: bomb, method: zip.Deflate, lie: size(0)}), damaged},
		{"small file that says it is large", one(entry{name: "a.ioc", data: ioc("1"), method: zip.Deflate, lie: size(1 << 40)}), damaged},
		{"all together over the edge", archive(t, append(many(t, 5, maxIOCTotal/5), entry{name: "z.ioc", data: ioc("z")})...), inAll},
		{"entries that share their bytes", overlapping(t, 1000, maxIOCFile), "entry 2 has the id of an earlier one; ids must be unique"},
		{"one entry too many", archive(t, many(t, maxIOCEntries+1, 0)...), tooMany},
		{"one folder too many", archive(t, append(many(t, maxIOCEntries, 0), entry{name: "x/"})...), tooMany},
		{"entries beyond number", overlapping(t, 5000, 1000), tooMany},

		{"encrypted", one(entry{name: "a.ioc", data: ioc("1"), lie: flag(1)}), locked},
		{"strongly encrypted", one(entry{name: "a.ioc", data: ioc("1"), lie: flag(1 << 6)}), locked},
		{"masked directory", one(entry{name: "a.ioc", data: ioc("1"), lie: flag(1 << 13)}), locked},
		{"patch of another file", one(entry{name: "a.ioc", data: ioc("1"), lie: flag(1 << 5)}), locked},
		{"bzip2", one(entry{name: "a.ioc", data: ioc("1"), lie: func(h *zip.FileHeader) { h.Method = 12 }}), method},
		{"AES", one(entry{name: "a.ioc", data: ioc("1"), lie: func(h *zip.FileHeader) { h.Method = 99 }}), method},
		{"deflate that is none", one(entry{name: "a.ioc", data: ioc("1"), lie: func(h *zip.FileHeader) { h.Method = zip.Deflate }}), damaged},
		{"wrong checksum", one(entry{name: "a.ioc", data: ioc("1"), lie: func(h *zip.FileHeader) { h.CRC32++ }}), damaged},
		{"link", one(entry{name: "a.ioc", data: []byte("/etc/passwd"), mode: fs.ModeSymlink | 0o777}), "entry 1 is no plain file"},
		{"device", one(entry{name: "a.ioc", data: ioc("1"), mode: fs.ModeDevice | 0o600}), "entry 1 is no plain file"},
		{"folder with content", bytes.ReplaceAll(one(entry{name: "a.iocX", data: ioc("1")}), []byte("a.iocX"), []byte("a.ioc/")), badKind},

		{"above", one(entry{name: "../a.ioc", data: ioc("1")}), leads},
		{"above in between", one(entry{name: "x/../../a.ioc", data: ioc("1")}), leads},
		{"folder above", one(entry{name: "../"}), leads},
		{"above with backslashes", one(entry{name: `..\a.ioc`, data: ioc("1")}), leads},
		{"from the root", one(entry{name: "/a.ioc", data: ioc("1")}), leads},
		{"drive", one(entry{name: "C:a.ioc", data: ioc("1")}), leads},
		{"data stream", one(entry{name: "a:b.ioc", data: ioc("1")}), leads},
		{"NUL", one(entry{name: "a.exe\x00.ioc", data: ioc("1")}), leads},
		{"line end", one(entry{name: "a\n.ioc", data: ioc("1")}), leads},

		{"name twice", archive(t, entry{name: "a.ioc", data: ioc("1")}, entry{name: "a.ioc", data: ioc("2")}), twiceIn},
		{"name twice in another case", archive(t, entry{name: "a.ioc", data: ioc("1")}, entry{name: "A.IOC", data: ioc("2")}), twiceIn},
		{"name twice by a detour", archive(t, entry{name: "x/a.ioc", data: ioc("1")}, entry{name: "x/.//a.ioc", data: ioc("2")}), twiceIn},
		{"id twice", archive(t, entry{name: "a.ioc", data: ioc("1")}, entry{name: "b.ioc", data: ioc("1")}), twiceID},
		{"id twice in another case", archive(t, entry{name: "a.ioc", data: ioc("ab")}, entry{name: "b.ioc", data: ioc("AB")}), twiceID},
		{"id twice with blanks", archive(t, entry{name: "a.ioc", data: ioc("ab")}, entry{name: "b.ioc", data: ioc(" ab&#9;")}), twiceID},
	} {
		t.Run(c.name, func(t *testing.T) { assert.EqualError(t, checkArchive(c.data), c.want) })
	}
}

// TestTheTaskChecksItsArchive: what stands in a request is checked as well as
// what a command line loads, and reaches the incident as it stands.
func TestTheTaskChecksItsArchive(t *testing.T) {
	task, ok := Lookup("iocScan")
	require.True(t, ok)
	params := func(text string) json.RawMessage {
		return fmt.Appendf(nil, `{"ioc":%q,"isolateHost":false,"scanCriticalAreas":false,"quarantineObject":false}`, text)
	}
	text := base64.StdEncoding.EncodeToString(archive(t, many(t, 5, 0)...))
	p, found := task.Parse(params(text))
	require.Empty(t, found)
	assert.Contains(t, string(p.JSON()), `"ioc":"`+text+`"`)
	_, found = task.Parse(params(base64.StdEncoding.EncodeToString(archive(t, entry{name: "a.txt"}))))
	assert.Equal(t, "/params/ioc: entry 1 is neither .ioc nor .xml\n", list(found))
}

func TestLoadMakesTheArchive(t *testing.T) {
	task, ok := Lookup("iocScan")
	require.True(t, ok)
	require.Equal(t, "ioc", task.LoadMember())
	unpack := func(text string) map[string]string {
		data, err := base64.StdEncoding.DecodeString(text)
		require.NoError(t, err)
		z, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
		require.NoError(t, err)
		files := map[string]string{}
		for _, f := range z.File {
			data, err := fs.ReadFile(z, f.Name)
			require.NoError(t, err)
			files[f.Name] = string(data)
		}
		return files
	}
	a, b := File{"a.ioc", ioc("1")}, File{"Б.XML", ioc("2")}
	text, err := task.Load([]File{a})
	require.NoError(t, err)
	assert.Equal(t, map[string]string{"a.ioc": string(a.Data)}, unpack(text))

	text, err = task.Load([]File{a, b})
	require.NoError(t, err)
	assert.Equal(t, map[string]string{"a.ioc": string(a.Data), "Б.XML": string(b.Data)}, unpack(text))
	given := []File{b, a}
	again, err := task.Load(given)
	require.NoError(t, err)
	assert.Equal(t, text, again, "the order of the files means nothing")
	assert.Equal(t, []File{b, a}, given, "the caller's files stay as they are")

	whole := archive(t, entry{name: "x/a.ioc", data: ioc("1")})
	text, err = task.Load([]File{{"iocs.zip", whole}})
	require.NoError(t, err)
	assert.Equal(t, base64.StdEncoding.EncodeToString(whole), text, "a ZIP goes as it is")
}

func TestLoadNamesTheFileThatIsWrong(t *testing.T) {
	task, ok := Lookup("iocScan")
	require.True(t, ok)
	good := File{"good.ioc", ioc("1")}
	var tooMany []File
	for i := range maxIOCEntries + 1 {
		tooMany = append(tooMany, File{fmt.Sprintf("%d.ioc", i), ioc(fmt.Sprint(i))})
	}
	for _, c := range []struct {
		files []File
		want  string
	}{
		{nil, "no file was given"},
		{[]File{{"iocs.zip", ioc("1")}}, "iocs.zip: it is no ZIP archive that can be opened"},
		{[]File{{"iocs.zip", archive(t, entry{name: "a.ioc", data: ioc("1")}, entry{name: "b.ioc"})}}, "iocs.zip: entry 2 is not well-formed XML in UTF-8"},
		{[]File{{"iocs.zip", archive(t)}}, "iocs.zip: it holds no .ioc or .xml file"},
		{[]File{{"a.ioc", nil}}, "a.ioc: it is not well-formed XML in UTF-8"},
		{[]File{good, {"bad.xml", []byte("<x/>")}}, "bad.xml: it is XML, but no OpenIOC: its outermost element is neither ioc nor OpenIOC"},
		{[]File{{"zz.ioc", ioc("1")}, good}, "zz.ioc: it has the id of an earlier one; ids must be unique"},
		{[]File{good, good}, "good.ioc: it has the name of an earlier one"},
		{[]File{good, {"iocs.zip", archive(t)}}, "iocs.zip: it is neither .ioc nor .xml"},
		{tooMany, "the archive of these files has more than 1000 entries"},
	} {
		text, err := task.Load(c.files)
		assert.EqualError(t, err, c.want)
		assert.Empty(t, text)
	}
	for _, other := range All() {
		if other.LoadMember() == "" {
			_, err := other.Load([]File{good})
			assert.EqualError(t, err, other.Name+" takes no files")
		}
	}
}
