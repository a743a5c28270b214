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
		cmd := exec.Command("bash", filepath.Join(toplike, ".ci/release/build"), filepath.Join(t.TempDir(), "dist"))
		cmd.Env = append(os.Environ(), "VERSION="+version, "SOURCE_DATE_EPOCH=1790000000", "PLATFORMS= ")
		out, _ := cmd.CombinedOutput() // of no platform nothing is made
		assert.Contains(t, string(out), says, version)
	}
}

// emulated runs the programs for arm64 on whatever machine this is: a dry run,
// a request, the ledger that it leaves, and its page.
func emulated(t *testing.T, dir string) {
	t.Helper()
	ksc := startEmulator(t, t.TempDir(), `[{"id":"id-of-pc-12","dn":"PC-12","fqdn":"pc-12.corp.example","netbios":"PC-12"}]`, "")
	run := func(stdin, name string, args ...string) string {
		cmd := exec.Command("qemu-aarch64-static", append([]string{filepath.Join(dir, name)}, args...)...)
		cmd.Env, cmd.Stdin = ksc.environment(), strings.NewReader(stdin)
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s %v: %s", name, args, out)
		return string(out)
	}
	assert.Regexp(t, "kes-respond v"+released+", protocol .* linux/arm64", run("", "kes-respond", "version"))
	assert.Contains(t, run("", "kes-respond-mcp", "--version"), "v"+released)
	assert.Contains(t, run("", "kes-respond", "isolateHost", "--targetHost", "PC-12", "--action", "1", "--dryRun", "true"), `"outcome":"planned"`)
	assert.Contains(t, run("", "kes-respond", "isolateHost", "--targetHost", "PC-12", "--action", "1"), `"outcome":"submitted"`)
	assert.Contains(t, run("", "kes-respond", "journal", "verify"), `"sound":true`)
	report := run("", "kes-respond", "report", "--output", "json")
	assert.Contains(t, report, `"requests":1,`)
	assert.Contains(t, run(report, "kes-respond-report"), "<h2>1 requests</h2>")
}

// installedByRPM installs and removes a package with a database of its own:
// rpm's is no Debian's.
func installedByRPM(t *testing.T, file string) {
	t.Helper()
	db := t.TempDir()
	owned := strings.Fields(command(t, "/", "rpm", "-qlp", file))
	command(t, "/", "rpm", "--dbpath", db, "-i", "--nodeps", file)
	defer exec.Command("rpm", "--dbpath", db, "-e", "kes-respond").Run()
	for _, program := range programs() {
		assert.Contains(t, command(t, "/", "/usr/bin/"+program, "--version"), "v"+released)
	}
	command(t, "/", "rpm", "--dbpath", db, "-U", "--nodeps", "--force", file) // an upgrade by itself
	assert.FileExists(t, "/usr/bin/kes-respond")
	command(t, "/", "rpm", "--dbpath", db, "-e", "kes-respond")
	for _, path := range append(owned, "/usr/share/doc/kes-respond", "/usr/share/licenses/kes-respond") {
		_, err := os.Lstat(path)
		assert.ErrorIs(t, err, os.ErrNotExist, "%s is left over", path)
	}
}

// installedAndPurged runs the blocks of INSTALL.md one after the other in the
// folder of a release, and looks at the machine between them.
func installedAndPurged(t *testing.T, dir string) {
	page, err := os.ReadFile("INSTALL.md")
	require.NoError(t, err)
	blocks := regexp.MustCompile("(?ms)^```bash\n(.*?)^```$").FindAllStringSubmatch(string(page), -1)
	require.Len(t, blocks, 4, "the checksums, the package, the image, the removal")
	run := func(block int) string {
		text := strings.ReplaceAll(blocks[block][1], "_amd64.deb", "_"+runtime.GOARCH+".deb")
		return command(t, dir, "env", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "bash", "-euc", text) // what is installed, not the program of the scripts
	}
	assert.Regexp(t, `_`+runtime.GOARCH+`\.deb: OK`, run(0))

	const folder, unit = "/etc/kes-respond", "/usr/lib/systemd/system/kes-respond-recover"
	t.Cleanup(func() { exec.Command("dpkg", "--purge", "kes-respond").Run() })
	require.NoFileExists(t, filepath.Join(folder, "password"), "somebody uses this machine")
	assert.Contains(t, run(1), "kes-respond v"+released)
	assert.Contains(t, command(t, "/", "/usr/bin/kes-respond", "version"), "v"+released)
	assert.Contains(t, command(t, "/", "/usr/bin/kes-respond-mcp", "--version"), "v"+released)
	assert.Contains(t, command(t, "/", "/usr/bin/kes-respond-report", "--version"), "v"+released)
	assert.Equal(t, "755 root root", strings.TrimSpace(command(t, "/", "stat", "-c", "%a %U %G", folder)))
	assert.Equal(t, "755 root root", strings.TrimSpace(command(t, "/", "stat", "-c", "%a %U %G", "/usr/bin/kes-respond")))
	assert.Regexp(t, `^kes-respond:x:\d+:\d+:.*:/var/lib/kes-respond:/usr/sbin/nologin$`, strings.TrimSpace(command(t, "/", "getent", "passwd", "kes-respond")))
	command(t, "/", "systemd-analyze", "verify", unit+".service", unit+".timer")
	shown, err := os.ReadFile("../../SECURITY.md")
	require.NoError(t, err)
	installed, err := os.ReadFile(unit + ".service")
	require.NoError(t, err)
	assert.Contains(t, string(shown), "```ini\n"+string(installed)+"```", "the unit is not the one that SECURITY.md shows")

	dropIn := regexp.MustCompile("(?ms)^```systemd\n(.*?)^```$").FindStringSubmatch(string(page))
	require.NotNil(t, dropIn)
	edited := filepath.Join(t.TempDir(), "kes-respond-recover.service")
	require.NoError(t, os.WriteFile(edited, append(installed, dropIn[1]...), 0o644))
	assert.Empty(t, command(t, "/", "systemd-analyze", "verify", edited))

	secret := filepath.Join(folder, "password")
	require.NoError(t, os.WriteFile(secret, []byte(emulatorPassword), 0o600))
	command(t, "/", "dpkg", "-r", "kes-respond")
	for _, program := range programs() {
		assert.NoFileExists(t, "/usr/bin/"+program)
	}
	assert.NoFileExists(t, unit+".service")
	assert.FileExists(t, secret, "a removal keeps the configuration")

	image := run(2)
	assert.Contains(t, image, "localhost/kes-respond")
	defer command(t, dir, "buildah", "rmi", "kes-respond")
	container := strings.TrimSpace(command(t, dir, "buildah", "from", "--pull-never", "kes-respond"))
	defer command(t, dir, "buildah", "rm", container)
	inside := func(args ...string) string {
		return command(t, dir, "buildah", append([]string{"run", "--isolation", "chroot", container, "--", "/usr/bin/kes-respond"}, args...)...)
	}
	assert.Contains(t, inside("version"), "v"+released)
	assert.Contains(t, inside("suspend", "--reason", "its ledger can be written"), "suspended")
	assert.Contains(t, inside("report", "--html", "-"), "</html>", "what draws the page is in it")

	command(t, dir, "dpkg", "-i", "kes-respond_"+released+"_linux_"+runtime.GOARCH+".deb") // an upgrade by itself
	command(t, dir, "dpkg", "-i", "kes-respond_"+released+"_linux_"+runtime.GOARCH+".deb")
	assert.FileExists(t, secret)
	run(3)
	assert.NoDirExists(t, folder, "a purge leaves a password")
	assert.NoFileExists(t, "/usr/bin/kes-respond")
	installedByRPM(t, filepath.Join(dir, "kes-respond_"+released+"_linux_"+runtime.GOARCH+".rpm"))
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
