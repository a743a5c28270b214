//go:build linux

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

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
