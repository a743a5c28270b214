package journal

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/shared"
)

func needUnix(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("rights are access lists there")
	}
}

func TestFilesAreTheOwnersAlone(t *testing.T) {
	needUnix(t)
	for _, group := range []bool{false, true} {
		dir := newDir(t)
		j := open(t, filepath.Join(dir, "deeper"), func(o *Options) { o.Group = group })
		j.mustClaim(t, deletes("1"))
		l, err := j.Login(t.Context(), "main", "ann", "wrong")
		require.NoError(t, err)
		require.NoError(t, l.Remember(shared.Login, "no"))
		l.Leave()
		files, folders := 0, 0
		require.NoError(t, filepath.WalkDir(filepath.Join(dir, "deeper"), func(path string, d os.DirEntry, err error) error {
			require.NoError(t, err)
			info, err := d.Info()
			require.NoError(t, err)
			want := j.options.fileMode()
			if files++; d.IsDir() {
				want = j.options.folderMode()
				folders++
			}
			assert.Equal(t, want, info.Mode().Perm(), path)
			return nil
		}))
		assert.Equal(t, []int{10, 3}, []int{files, folders})
	}
}

func TestPlacesThatAreNotTrusted(t *testing.T) {
	needUnix(t)
	for name, c := range map[string]struct {
		spoil func(dir string) string
		says  string
	}{
		"relative":     {func(string) string { return "ledger" }, "full one"},
		"others read":  {func(dir string) string { chmod(t, dir, 0o755); return dir }, "chmod 0700"},
		"group writes": {func(dir string) string { chmod(t, dir, 0o770); return dir }, "mode 0770"},
		"a link": {func(dir string) string {
			require.NoError(t, os.Symlink(dir, dir+"-link"))
			return dir + "-link"
		}, "symbolic link"},
		"a file": {func(dir string) string { writeFile(t, nil, dir+"-file"); return dir + "-file" }, "cannot be opened"},
		"open folder above": {func(dir string) string {
			chmod(t, filepath.Dir(dir), 0o777)
			return dir
		}, "lets every user replace"},
		"a segment others write": {func(dir string) string { chmod(t, filepath.Join(dir, segmentName(1)), 0o622); return dir }, segmentName(1)},
		"a segment that is a link": {func(dir string) string {
			relink(t, dir, segmentName(1))
			return dir
		}, segmentName(1)},
		"a key that is a link": {func(dir string) string { relink(t, dir, keyFile); return dir }, "key"},
		"a key others read":    {func(dir string) string { chmod(t, filepath.Join(dir, keyFile), 0o644); return dir }, "key"},
		"an index that is a pipe's place": {func(dir string) string {
			require.NoError(t, os.Remove(filepath.Join(dir, indexFile)))
			require.NoError(t, os.Mkdir(filepath.Join(dir, indexFile), 0o700))
			return dir
		}, "index"},
	} {
		dir, _ := small(t, 1)
		_, err := Open(t.Context(), c.spoil(dir), Options{})
		var e *Error
		if assert.ErrorAs(t, err, &e, name) {
			assert.Contains(t, []Kind{Place, Secret}, e.Kind, name)
			assert.Contains(t, e.Error(), c.says, name)
			assert.NotEmpty(t, e.Assistance, name)
		}
	}
}

func chmod(t *testing.T, path string, mode os.FileMode) {
	t.Helper()
	require.NoError(t, os.Chmod(path, mode))
}

// relink puts a link to the same bytes in the place of a file.
func relink(t *testing.T, dir, name string) {
	t.Helper()
	path := filepath.Join(dir, name)
	require.NoError(t, os.Rename(path, dir+"-"+name))
	require.NoError(t, os.Symlink(dir+"-"+name, path))
}

func TestTheKey(t *testing.T) {
	whole, _ := small(t, 1)
	for name, spoil := range map[string]func(dir string){
		"gone":    func(dir string) { require.NoError(t, os.Remove(filepath.Join(dir, keyFile))) },
		"empty":   func(dir string) { writeFile(t, nil, dir, keyFile) },
		"no hex":  func(dir string) { writeFile(t, []byte(strings.Repeat("x", 64)), dir, keyFile) },
		"another": func(dir string) { writeFile(t, []byte(strings.Repeat("ab", 32)), dir, keyFile) },
	} {
		dir := copyDir(t, whole)
		spoil(dir)
		_, err := Open(t.Context(), dir, Options{})
		e := isKind(t, err, Secret)
		assert.NotEmpty(t, e.Assistance, name)
		_, err = os.Stat(filepath.Join(dir, keyFile))
		assert.Equal(t, name == "gone", errors.Is(err, os.ErrNotExist), "no key is made for an old ledger")
	}
	dir := newDir(t)
	given := []byte(strings.Repeat("k", 32))
	j := open(t, dir, func(o *Options) { o.Key = given })
	j.mustClaim(t, deletes("1"))
	sound(t, j, nil)
	_, err := os.Stat(filepath.Join(dir, keyFile))
	assert.ErrorIs(t, err, os.ErrNotExist, "a key that was given is written nowhere")
}

// TestALedgerOfANewerFormatIsLeftAlone, also by a process that has it open when
// the newer one begins a file.
func TestALedgerOfANewerFormatIsLeftAlone(t *testing.T) {
	dir := newDir(t)
	running := open(t, dir)
	c := running.mustClaim(t, deletes("1"))
	newer := open(t, dir)
	require.NoError(t, newer.exclusive(t.Context(), func(t *turn) error {
		if err := t.next(); err != nil {
			return err
		}
		return nil
	}))
	data := readFile(t, dir, segmentName(2))
	newerData := strings.Replace(string(data), `"format":1`, `"format":2,"more":"unknown"`, 1)
	require.NotEqual(t, string(data), newerData)
	writeFile(t, []byte(newerData), dir, segmentName(2))
	before := readFile(t, dir, segmentName(2))

	_, err := Open(t.Context(), dir, Options{})
	isKind(t, err, Format)
	isKind(t, c.Sending(t.Context(), added), Format)
	_, _, err = running.Claim(t.Context(), deletes("2"), nil)
	isKind(t, err, Format)
	assert.Equal(t, before, readFile(t, dir, segmentName(2)))
	require.NoError(t, os.Remove(filepath.Join(dir, indexFile)))
	_, err = Open(t.Context(), dir, Options{})
	isKind(t, err, Format)
}

// TestTheAnchorFailing does not keep a request from being sent, and is told of.
func TestTheAnchorFailing(t *testing.T) {
	dir := newDir(t)
	j, err := Open(t.Context(), dir, Options{Anchor: failing{}})
	require.NoError(t, err)
	require.NoError(t, carry(t.Context(), j.mustClaim(t, deletes("1")), 1, shared.Submitted))
	assert.ErrorContains(t, j.Close(), "anchor")
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errors.New("no syslog") }

func TestRecordIsJSONThatReadsBack(t *testing.T) {
	j := open(t, newDir(t))
	c := j.mustClaim(t, isolates("1", "on"))
	require.NoError(t, carry(t.Context(), c, 5, shared.Succeeded))
	r := all(t, j, Filter{})[0]
	data, err := json.Marshal(r)
	require.NoError(t, err)
	var back Record
	require.NoError(t, json.Unmarshal(data, &back))
	assert.Equal(t, r, back)
}
