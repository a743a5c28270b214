package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"text/template"

	"github.com/kes-respond/kes-respond/plugin/task"
	"github.com/kes-respond/kes-respond/shared"
)

// The package of a platform is made from manifest/PLATFORM/template: what ends
// in .tmpl is a template, all else is taken as it is. A template whose path
// holds TASK is written once for each task, with the task's name in its place.
// No template names a task, so a new one is in every package by itself.
const (
	templates  = "template"
	packages   = "package"
	perTask    = "TASK"
	isTemplate = ".tmpl"
)

// page is what a template sees.
type page struct {
	Name     string // kes-respond
	Version  string // of the packages
	Protocol int
	Tasks    []taskPage
	Task     taskPage // in a file of one task
	Platform string
}

// taskPage is one task for templates.
type taskPage struct {
	Name, Title, Snake, Words string // isolateHost, Isolate host, isolate_host, isolate host
	Summary, Help, Script     string
	Effects                   []shared.Effect
	Hints                     task.Hints
	D3FEND                    []string
	Array                     bool // params are a list, of which a form makes one
	Params                    []paramPage
	Schema                    json.RawMessage // of params
	Sample                    json.RawMessage // of params
}

// paramPage is one parameter for templates.
type paramPage struct {
	Name, Title, Description string
	Kind                     string // string, boolean, integer
	Required                 bool   // a form that leaves it out is refused
	Enum                     []json.RawMessage
	Sample                   json.RawMessage // null where the sample leaves it out
	File                     bool            // base64 in a request, a file on a command line
}

// packageVersion is that of the packages: platforms demand one of three numbers.
const packageVersion = "1.0.0"

// packageFiles gives every file of every package by its name below manifest/.
func packageFiles(root string) (map[string][]byte, error) {
	manifest := filepath.Join(root, "manifest")
	dirs, err := filepath.Glob(filepath.Join(manifest, "*", templates))
	if err != nil {
		return nil, err
	}
	p := page{Name: "kes-respond", Version: packageVersion, Protocol: shared.Protocol}
	for _, t := range task.All() {
		one, err := taskPageOf(t)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", t.Name, err)
		}
		p.Tasks = append(p.Tasks, one)
	}
	files := map[string][]byte{}
	for _, dir := range dirs {
		p.Platform = filepath.Base(filepath.Dir(dir))
		if err := fill(os.DirFS(dir), path.Join(p.Platform, packages), p, files); err != nil {
			return nil, fmt.Errorf("%s: %w", p.Platform, err)
		}
	}
	return files, nil
}

// fill writes one package from its templates.
func fill(from fs.FS, to string, p page, files map[string][]byte) error {
	return fs.WalkDir(from, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(from, name)
		if err != nil {
			return err
		}
		out, dynamic := strings.CutSuffix(path.Join(to, name), isTemplate)
		switch {
		case !dynamic:
			files[out] = data
			return nil
		case !strings.Contains(name, perTask):
			files[out], err = render(name, string(data), p)
			return err
		}
		for _, t := range p.Tasks {
			p.Task = t
			file := strings.ReplaceAll(out, perTask, t.Name)
			if files[file], err = render(name, string(data), p); err != nil {
				return err
			}
		}
		return nil
	})
}

func render(name, text string, p page) ([]byte, error) {
	t, err := template.New(name).Option("missingkey=error").Delims("<<", ">>").Funcs(words()).Parse(text)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = t.Execute(&b, p)
	return b.Bytes(), err
}

// words are what templates may call. json is also a text in YAML and a string
// in Python; python is a literal with its own words for true, false and null.
func words() template.FuncMap {
	return template.FuncMap{
		"json":   compact,
		"python": func(v any) (string, error) { text, err := compact(v); return pythonic(text), err },
		"pretty": func(prefix string, raw json.RawMessage) (string, error) {
			var b bytes.Buffer
			err := json.Indent(&b, raw, prefix, "  ")
			return b.String(), err
		},
		"text": func(raw json.RawMessage) string { // a sample without its quotes
			var s string
			if json.Unmarshal(raw, &s) != nil {
				return string(raw)
			}
			return s
		},
		"last":   func(i, n int) bool { return i == n-1 },
		"comma":  func(i, n int) string { return map[bool]string{false: ","}[i == n-1] },
		"indent": func(prefix, text string) string { return strings.ReplaceAll(text, "\n", "\n"+prefix) },
		"oneline": func(text string) string {
			return strings.Join(strings.Fields(text), " ")
		},
		"blank":  func(text string) bool { return strings.ContainsAny(text, " \t") },
		"dashed": func(text string) string { return strings.ReplaceAll(text, " ", "-") },
		"upper":  func(text string) string { return strings.ToUpper(text[:1]) + text[1:] },
		"add":    func(a, b int) int { return a + b },
		"uuid":   stableUUID,
	}
}

func compact(v any) (string, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return strings.TrimSpace(b.String()), err
}

// pythonic turns the JSON of a text, a number, a boolean, null or a list of
// those into a literal of Python.
func pythonic(text string) string {
	switch text {
	case "true":
		return "True"
	case "false":
		return "False"
	case "null":
		return "None"
	}
	return text
}
