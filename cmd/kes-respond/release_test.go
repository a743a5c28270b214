//go:build linux

package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"sort"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.yaml.in/yaml/v3"
)

// released is the tag of the release that the tests make: nobody's.
const released = "9.8.7"

// native is this machine's platform.
const native = "linux/" + runtime.GOARCH

// TestRelease makes a release from a tag, twice, from two folders: the bytes
// are the same, and whatever names a version names the tag. Then it types what
// INSTALL.md prints.
func TestRelease(t *testing.T) {
	if os.Getenv("KES_RESPOND_TEST_ALL") == "" {
		t.Skip("KES_RESPOND_TEST_ALL is not set: a release takes a minute, and is installed")
	}
	for _, program := range []string{"zip", "dpkg", "rpm", "buildah", "awk", "systemd-analyze", "qemu-aarch64-static"} {
		need(t, program)
	}
	first, second := makeRelease(t, filepath.Join(t.TempDir(), "a"), "", native), makeRelease(t, filepath.Join(t.TempDir(), "another", "folder"), "\n// compiled anew\n", native)
	names := files(t, first)
	require.Equal(t, names, files(t, second))
	for _, name := range names {
		assert.True(t, sameBytes(t, filepath.Join(first, name), filepath.Join(second, name)), "%s differs between two folders", name)
	}
	base := filepath.Join(first, "kes-respond_"+released+"_linux_"+runtime.GOARCH)
	unpacked := t.TempDir()
	command(t, unpacked, "tar", "-xzf", base+".tar.gz", "--strip-components=1")
	program := filepath.Join(unpacked, "kes-respond")

	t.Run("versions", func(t *testing.T) {
		assert.Contains(t, command(t, unpacked, program, "version"), "kes-respond v"+released+", protocol ")
		var described struct{ Version string }
		require.NoError(t, json.Unmarshal([]byte(command(t, unpacked, program, "describe")), &described))
		assert.Equal(t, "v"+released, described.Version)
		assert.Equal(t, released, strings.TrimSpace(command(t, first, "dpkg-deb", "-f", base+".deb", "Version")))
		assert.Equal(t, released, command(t, first, "rpm", "-qp", "--qf", "%{VERSION}", base+".rpm"))
	})
	t.Run("what is linked", func(t *testing.T) {
		text, err := os.ReadFile(filepath.Join(unpacked, "LICENSES-of-others.txt"))
		require.NoError(t, err)
		licences := strings.Join(strings.Fields(string(text)), " ")
		for _, name := range programs() {
			linkedAndListed(t, filepath.Join(unpacked, name), strings.Replace(base, "kes-respond_", name+"_", 1)+".cdx.json", string(text))
		}
		assert.Contains(t, licences, "Portions of this software are copyright The FreeType Project", "its licence asks for that")
		assert.Contains(t, licences, "The FreeType Project LICENSE ---", "what draws charts is under it")
		assert.Contains(t, licences, "SIL OPEN FONT LICENSE Version 1.1", "fonts are linked, too")
		assert.NotContains(t, licences, "GNU GENERAL PUBLIC LICENSE Version 2", "the choice that was not taken")
	})
	t.Run("documents", func(t *testing.T) {
		var shipped []string
		for _, p := range documented(t) {
			if !strings.HasPrefix(p, "manifest/") || filepath.Dir(p) == "manifest" {
				shipped = append(shipped, filepath.Base(p))
				assert.FileExists(t, filepath.Join(unpacked, filepath.Base(p)))
			}
		}
		require.NotEmpty(t, shipped)
		assert.Empty(t, broken(t, unpacked, shipped), "links in the archive")
		inside := command(t, first, "dpkg-deb", "-c", base+".deb")
		for _, name := range shipped {
			assert.Contains(t, inside, " ./usr/share/doc/kes-respond/"+name+"\n")
		}
	})
	t.Run("rpm", func(t *testing.T) {
		said := command(t, first, "rpm", "-qip", base+".rpm")
		assert.Contains(t, said, "License     : Apache-2.0")
		assert.Contains(t, said, "Build Host  : kes-respond.example", "where it was built shows")
		inside := command(t, first, "rpm", "-qlvp", base+".rpm")
		assert.Regexp(t, `(?m)^-rwxr-xr-x .* root .* /usr/bin/kes-respond$`, inside)
		assert.Regexp(t, `(?m)^drwxr-xr-x .* root .* /etc/kes-respond$`, inside)
		assert.Contains(t, inside, "/usr/lib/systemd/system/kes-respond-recover.service")
		assert.Contains(t, command(t, first, "rpm", "-qp", "--requires", base+".rpm"), "shadow-utils")
	})
	t.Run("arm64, emulated", func(t *testing.T) {
		dir := first
		if native != "linux/arm64" {
			dir = makeRelease(t, filepath.Join(t.TempDir(), "arm"), "", "linux/arm64")
		}
		command(t, dir, "tar", "-xzf", "kes-respond_"+released+"_linux_arm64.tar.gz", "--strip-components=1")
		emulated(t, dir)
	})
	t.Run("as INSTALL.md says", func(t *testing.T) {
		if os.Getuid() != 0 {
			t.Skip("packages are installed by root alone")
		}
		if _, err := exec.Command("dpkg", "-s", "kes-respond").CombinedOutput(); err == nil {
			t.Skip("kes-respond is installed here: a test must not remove it")
		}
		installedAndPurged(t, first)
	})
}

// programs are what a release has, in every form.
func programs() []string { return []string{"kes-respond", "kes-respond-mcp", "kes-respond-report"} }

// linkedAndListed holds a program against its SBOM and the licences.
func linkedAndListed(t *testing.T, program, sbom, licences string) {
	t.Helper()
	data, err := os.ReadFile(sbom)
	require.NoError(t, err)
	var bom struct {
		SpecVersion string
		Metadata    struct {
			Component struct{ Name, Version string }
		}
		Components []struct{ Name, Version string }
	}
	require.NoError(t, json.Unmarshal(data, &bom))
	assert.Equal(t, "1.6", bom.SpecVersion, "as INSTALL.md says")
	assert.Equal(t, "v"+released, bom.Metadata.Component.Version)
	assert.NotContains(t, string(data), filepath.Dir(filepath.Dir(sbom)), "a path of the machine that built it")
	listed := map[string]string{}
	for _, c := range bom.Components {
		listed[c.Name] = c.Version
	}
	linked := regexp.MustCompile(`(?m)^\s+dep\s+(\S+)\s+(\S+)`).FindAllStringSubmatch(command(t, filepath.Dir(program), "go", "version", "-m", program), -1)
	require.NotEmpty(t, linked)
	for _, m := range linked {
		assert.Equal(t, m[2], listed[m[1]], "%s in the SBOM of %s", m[1], program)
		assert.Contains(t, licences, "\n==== "+m[1]+"\n")
		delete(listed, m[1])
	}
	delete(listed, "std")
	assert.Empty(t, listed, "%s does not link them", program)
}

// TestPackageVersions: what is no tag is a dry run, and is not taken for the
// release that it came after.
func TestPackageVersions(t *testing.T) {
	for version, says := range map[string]string{
		"v1.2.3":                  "CHANGELOG.md says nothing of 1.2.3",
		"v1.2.3-rc.1":             "CHANGELOG.md says nothing of 1.2.3-rc.1",
		"v1.2.3-dirty":            "a dry run, packages have version 1.2.3+dirty",
		"v1.2.3-rc.1-dirty":       "a dry run, packages have version 1.2.3-rc.1+dirty",
		"v1.2.3-4-g0123abc":       "a dry run, packages have version 1.2.3+4.g0123abc",
		"v1.2.3-4-g0123abc-dirty": "a dry run, packages have version 1.2.3+4.g0123abc.dirty",
		"0123abc":                 "a dry run, packages have version 0.0.0+g0123abc",
		"0123abc-dirty":           "a dry run, packages have version 0.0.0+g0123abc.dirty",
	} {
		out, _ := releaseOfNothing(filepath.Join(t.TempDir(), "dist"), "VERSION="+version)
		assert.Contains(t, out, says, version)
	}
}

// TestReleaseDeletesNothingOfOthers: a folder that somebody names by mistake stays
// as it is; an empty one, and one that a release was made in, are used.
func TestReleaseDeletesNothingOfOthers(t *testing.T) {
	const version = "VERSION=v1.2.3-4-g0123abc"
	dir := t.TempDir()
	home, file := filepath.Join(dir, "home"), filepath.Join(dir, "home", "letter.txt")
	require.NoError(t, os.MkdirAll(home, 0o700))
	require.NoError(t, os.WriteFile(file, []byte("dear"), 0o600))
	for _, other := range []string{home, file} {
		said, err := releaseOfNothing(other, version)
		require.Error(t, err, said)
		assert.Contains(t, said, other+" is not empty and holds no release")
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		assert.Equal(t, "dear", string(data))
	}
	empty := filepath.Join(dir, "empty")
	require.NoError(t, os.MkdirAll(empty, 0o700))
	for _, own := range []string{empty, filepath.Join(dir, "new"), filepath.Join(dir, "new")} {
		said, err := releaseOfNothing(own, version)
		require.NoError(t, err, said)
		assert.FileExists(t, filepath.Join(own, "SHA256SUMS"))
	}
}

// TestSynopsisFits what Debian shows of a package in a line.
func TestSynopsisFits(t *testing.T) {
	var said struct{ Description string }
	require.NoError(t, yaml.Unmarshal([]byte(pageOf(t, ".ci/release/nfpm.yaml")), &said))
	synopsis, _, _ := strings.Cut(said.Description, "\n")
	assert.NotEmpty(t, synopsis)
	assert.LessOrEqual(t, len(synopsis), 80)
	assert.NotRegexp(t, `\.$`, synopsis)
}

// releaseOfNothing is a release for no platform: checksums of what is for all.
func releaseOfNothing(dist string, environment ...string) (string, error) {
	cmd := exec.Command("bash", filepath.Join(toplike, ".ci/release/build"), dist)
	cmd.Env = append(append(os.Environ(), "SOURCE_DATE_EPOCH=1790000000", "PLATFORMS= "), environment...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// TestSignedByAKeyThatIsNamed and by nobody where none is.
func TestSignedByAKeyThatIsNamed(t *testing.T) {
	need(t, "gpg")
	home, err := os.MkdirTemp("", "gpg") // the path of its socket is bounded
	require.NoError(t, err)
	t.Cleanup(func() { os.RemoveAll(home) })
	gpg := func(args ...string) (string, error) {
		cmd := exec.Command(args[0], args[1:]...)
		cmd.Env = append(os.Environ(), "GNUPGHOME="+home)
		out, err := cmd.CombinedOutput()
		return string(out), err
	}
	t.Cleanup(func() { gpg("gpgconf", "--kill", "gpg-agent") })
	const key = "throw-away@kes-respond.example"
	said, err := gpg("gpg", "--batch", "--passphrase", "", "--quick-generate-key", key, "ed25519", "sign", "never")
	require.NoError(t, err, said)

	dist := filepath.Join(t.TempDir(), "dist")
	sums, signature := filepath.Join(dist, "SHA256SUMS"), filepath.Join(dist, "SHA256SUMS.asc")
	said, err = releaseOfNothing(dist, "VERSION=v1.2.3-4-g0123abc", "GNUPGHOME="+home, "SIGNING_KEY="+key)
	require.NoError(t, err, said)
	said, err = gpg("gpg", "--verify", signature, sums)
	require.NoError(t, err, said)
	assert.Contains(t, said, "Good signature from \""+key)
	command(t, dist, "sha256sum", "--check", "SHA256SUMS")
	require.NoError(t, os.WriteFile(sums, []byte("0  other\n"), 0o600))
	said, err = gpg("gpg", "--verify", signature, sums)
	assert.Error(t, err, said)

	said, err = releaseOfNothing(dist, "VERSION=v1.2.3-4-g0123abc", "GNUPGHOME="+home, "SIGNING_KEY=nobody@kes-respond.example")
	assert.Error(t, err, "a key that is not there: "+said)
	said, err = releaseOfNothing(dist, "VERSION=v1.2.3-4-g0123abc", "GNUPGHOME="+home)
	require.NoError(t, err, said)
	assert.NoFileExists(t, signature)
}

// makeRelease makes a release of a platform from a copy of what git has, in
// a folder, under a tag that its CHANGELOG speaks of. A comment at the end of
// each file has Go compile it again, in place of taking it from its cache, and
// must change nothing.
func makeRelease(t *testing.T, dir, comment, platform string) string {
	t.Helper()
	require.NoError(t, os.MkdirAll(dir, 0o755))
	root, err := filepath.Abs(toplike)
	require.NoError(t, err)
	command(t, root, "bash", "-euc", `git ls-files -z --cached --others --exclude-standard | xargs -0 cp --parents -t "$0"`, dir)
	if comment != "" {
		command(t, dir, "bash", "-euc", `find plugin shared cmd manifest -name '*.go' | while read -r f; do printf %s "$0" >>"$f"; done`, comment)
	}
	build := func() ([]byte, error) {
		cmd := exec.Command(filepath.Join(dir, ".ci/release/build"), "dist")
		cmd.Env = append(os.Environ(), "VERSION=v"+released, "SOURCE_DATE_EPOCH=1790000000", "PLATFORMS="+platform)
		return cmd.CombinedOutput()
	}
	out, err := build()
	require.Error(t, err, "a release of which the CHANGELOG says nothing")
	require.Contains(t, string(out), "CHANGELOG.md says nothing of "+released)
	log, err := os.OpenFile(filepath.Join(dir, "CHANGELOG.md"), os.O_APPEND|os.O_WRONLY, 0)
	require.NoError(t, err)
	_, err = log.WriteString("\n## [" + released + "]\n")
	require.NoError(t, err)
	require.NoError(t, log.Close())
	out, err = build()
	require.NoError(t, err, string(out))
	return filepath.Join(dir, "dist")
}

// command runs a command that must succeed, and gives what it said.
func command(t *testing.T, dir, name string, args ...string) string {
	t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir = dir
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s %v: %s", name, args, out)
	return string(out)
}

func files(t *testing.T, dir string) []string {
	t.Helper()
	names := strings.Fields(command(t, dir, "find", ".", "-type", "f", "-printf", "%P\n"))
	sort.Strings(names)
	return names
}

func sameBytes(t *testing.T, a, b string) bool {
	t.Helper()
	one, err := os.ReadFile(a)
	require.NoError(t, err)
	other, err := os.ReadFile(b)
	require.NoError(t, err)
	return string(one) == string(other)
}
