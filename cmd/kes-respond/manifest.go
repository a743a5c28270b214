package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/kes-respond/kes-respond/cmd/kes-respond/exit"
	"github.com/kes-respond/kes-respond/cmd/kes-respond/printable"
	"github.com/kes-respond/kes-respond/manifest"
	"github.com/kes-respond/kes-respond/shared"
)

func manifestCommand(s surroundings) *cobra.Command {
	c := &cobra.Command{
		ValidArgsFunction: platformNames,
		Use:               "manifest [PLATFORM]", Short: "a ready package for a platform: all tasks, the program, and how to install it",
		Long: `manifest writes the package of a platform into a new folder: the platform's own
description of each task, the program itself (this one, unless --program names
another, built for the machine where it will run), a configuration to edit, and
README.md, which says what to do next. Without a platform it lists them.

It needs no KSC, no configuration and no network, and it writes no password. The
folder must be empty or not there: nothing is overwritten.`,
		Example: "  kes-respond manifest\n  kes-respond manifest kuma --out kuma-scripts",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return exit.Usage("manifest takes the name of one platform, or none")
			}
			return nil
		},
	}
	out := fileFlag(c.Flags(), "out", "folder to write, empty or not there (required with a platform)")
	program := fileFlag(c.Flags(), "program", "program to put in (default: this one)")
	c.RunE = func(_ *cobra.Command, args []string) error {
		if len(args) == 0 {
			if out.set || program.set {
				return exit.Usage("manifest: which platform? \"kes-respond manifest\" lists them")
			}
			return listPackages(s.out)
		}
		p, err := packageFor(args[0])
		if err != nil {
			return err
		}
		if !out.set || out.value == "" {
			return exit.Usage("manifest: --out is required")
		}
		binary := s.executable
		if program.set {
			binary = program.value
		}
		if err := writePackage(p, out.value, binary); err != nil {
			return exit.With(shared.ExitFailed, err)
		}
		return packageWritten(s.out, p, out.value)
	}
	return c
}

func packageFor(platform string) (manifest.Package, error) {
	all := manifest.Packages()
	i := slices.IndexFunc(all, func(p manifest.Package) bool { return p.Platform == platform })
	if i < 0 {
		return manifest.Package{}, exit.Usage("%q is no platform that a package is made for; \"kes-respond manifest\" lists them", platform)
	}
	return all[i], nil
}

func listPackages(w io.Writer) error {
	var b strings.Builder
	for _, p := range manifest.Packages() {
		fmt.Fprintf(&b, "%-16s %s\n", p.Platform, p.Title)
	}
	return wrote(io.WriteString(w, b.String()))
}

// packageWritten shows the sheet that says what comes next.
func packageWritten(w io.Writer, p manifest.Package, dir string) error {
	sheet, err := fs.ReadFile(p.Files, p.Sheet)
	if err != nil {
		return exit.With(shared.ExitFailed, err)
	}
	return wrote(fmt.Fprintf(w, "The package for %s is in %s. In it, %s says:\n\n%s", p.Title, printable.Text(dir), p.Sheet, sheet))
}

func wrote(_ int, err error) error {
	if err != nil {
		return exit.With(shared.ExitFailed, err)
	}
	return nil
}

// writePackage writes a package and takes back what it wrote when it cannot
// write all of it.
func writePackage(p manifest.Package, dir, binary string) (err error) {
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return err
	case len(entries) > 0:
		return fmt.Errorf("%s is not empty, and nothing is overwritten", dir)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, emptied(dir))
		}
	}()
	if err := writeFiles(p, dir); err != nil {
		return err
	}
	return writeProgram(p, dir, binary)
}

func emptied(dir string) error {
	entries, err := os.ReadDir(dir)
	for _, e := range entries {
		err = errors.Join(err, os.RemoveAll(filepath.Join(dir, e.Name())))
	}
	return err
}

func writeFiles(p manifest.Package, dir string) error {
	return fs.WalkDir(p.Files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		path := filepath.Join(dir, filepath.FromSlash(name))
		if d.IsDir() {
			return os.MkdirAll(path, 0o755)
		}
		data, err := fs.ReadFile(p.Files, name)
		if err != nil {
			return err
		}
		mode := fs.FileMode(0o644)
		if text, ok := p.Modes[name]; ok {
			m, err := strconv.ParseUint(text, 8, 9)
			if err != nil {
				return err
			}
			mode = fs.FileMode(m)
		}
		return writeNew(path, bytes.NewReader(data), mode)
	})
}

// writeNew writes a file that is not there yet, with exactly this mode.
func writeNew(path string, from io.Reader, mode fs.FileMode) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, from)
	return errors.Join(err, f.Chmod(mode), f.Close())
}

// writeProgram puts the program in, under all its names: as one file where the
// disk can, for it is not small.
func writeProgram(p manifest.Package, dir, binary string) error {
	if p.Program == "" {
		return nil
	}
	if binary == "" {
		return errors.New("the system does not say where this program lies: name it with --program")
	}
	path := filepath.Join(dir, filepath.FromSlash(p.Program))
	if len(p.Beside) > 0 {
		return writePrograms(p, path, binary)
	}
	if err := copyProgram(binary, path); err != nil {
		return err
	}
	for _, name := range p.Names {
		other := filepath.Join(filepath.Dir(path), filepath.FromSlash(name))
		if os.Link(path, other) == nil {
			continue
		}
		if err := copyProgram(path, other); err != nil {
			return err
		}
	}
	return nil
}

// writePrograms puts the program in with others of ours, which lie beside it. They
// find each other by their names, so those of Windows keep their ending.
func writePrograms(p manifest.Package, path, binary string) error {
	real, err := filepath.EvalSymlinks(binary)
	if err != nil {
		return err
	}
	ending := ""
	if strings.EqualFold(filepath.Ext(real), ".exe") {
		ending = ".exe"
	}
	if err := copyProgram(real, path+ending); err != nil {
		return err
	}
	for _, name := range p.Beside {
		from := filepath.Join(filepath.Dir(real), name+ending)
		if err := copyProgram(from, filepath.Join(filepath.Dir(path), name+ending)); err != nil {
			return fmt.Errorf("%s has to lie beside kes-respond: %w", name+ending, err)
		}
	}
	return nil
}

func copyProgram(from, to string) error {
	f, err := os.Open(from)
	if err != nil {
		return err
	}
	defer f.Close()
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return writeNew(to, f, 0o755)
}

// platformNames completes the name of one platform.
func platformNames(_ *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	var names []cobra.Completion
	if len(args) == 0 {
		for _, p := range manifest.Packages() {
			names = append(names, cobra.CompletionWithDesc(p.Platform, p.Title))
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}
