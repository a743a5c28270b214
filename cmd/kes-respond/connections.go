package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/kes-respond/kes-respond/cmd/kes-respond/config"
	"github.com/kes-respond/kes-respond/cmd/kes-respond/trusted"
	"github.com/kes-respond/kes-respond/plugin"
)

// connections says how the servers are reached that requests bring with them,
// where the configuration lets them.
func connections(c config.File, s surroundings) plugin.Connections {
	return plugin.Connections{
		Refused: c.Connections != nil && !*c.Connections, ReadCert: readAsked,
		Proxy: config.Proxy(s.getenv), UserAgent: plugin.Name + "/" + version,
	}
}

var errNotAsked = errors.New("a request cannot name this file")

// readAsked reads the certificate that a request names: under the rules for the
// configuration's own, and stricter, for anybody may have shaped the request.
// It is the full path of a file on this machine, and nothing is opened that is
// no regular file with something in it, nor what lies in /sys or /proc, however
// it is reached: to open a device can be an order, and to read what the kernel
// makes up can change it.
func readAsked(path string) ([]byte, error) {
	// On Windows a path can name another machine, which would be shown who we are.
	if volume := filepath.VolumeName(path); !filepath.IsAbs(path) || runtime.GOOS == "windows" && (len(volume) != 2 || volume[1] != ':') {
		return nil, errNotAsked
	}
	path, err := filepath.EvalSymlinks(path)
	if err != nil || strings.HasPrefix(path, "/sys/") || strings.HasPrefix(path, "/proc/") {
		return nil, errNotAsked
	}
	info, err := os.Stat(path)
	if err != nil || !info.Mode().IsRegular() || info.Size() == 0 {
		return nil, errNotAsked
	}
	return trusted.Read(path, fs.FileMode(trusted.Writable))
}
