package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const (
	module  = "github.com/kes-respond/kes-respond/"
	toplike = "../.."
)

// mayImport is who may import whom of ours. A package that stands here with
// nothing imports nothing of ours; one that does not stand here is new and
// wants a line.
var mayImport = map[string][]string{
	"shared":                 nil,
	"manifest":               nil,
	"plugin/ksc":             nil,
	"plugin/ksc/ksctest":     nil,
	"shared/jsonl":           {"shared"},
	"shared/sharedtest":      {"shared"},
	"shared/rpc":             {"shared", "shared/rpc/responderpb"},
	"shared/rpc/responderpb": nil, // generated
	"plugin/task":            {"shared", "manifest"},
	"plugin/guard":           {"shared"},
	"plugin/journal":         {"shared"},
	"plugin/journal/report":  {"shared", "plugin/journal"},
	"plugin":                 {"shared", "manifest", "plugin/task", "plugin/guard", "plugin/journal", "plugin/ksc"},
	"manifest/gen":           {"plugin/task", "shared"},
	"cmd/ksc-emulator":       {"plugin/ksc/ksctest"},
	"cmd/demo-host":          {"shared", "shared/rpc"},
	"cmd/kes-respond-mcp":    {"shared", "shared/jsonl", "manifest"},
	"cmd/bench":              {"shared", "shared/rpc"},
	"cmd/kes-respond-report": {"shared", "plugin/journal/report"},
	"cmd/kes-respond": {
		"shared", "shared/jsonl", "shared/rpc", "manifest", "plugin", "plugin/task", "plugin/ksc", "plugin/guard", "plugin/journal", "plugin/journal/report",
		"cmd/kes-respond/anchor", "cmd/kes-respond/bulk", "cmd/kes-respond/config", "cmd/kes-respond/dialect", "cmd/kes-respond/display", "cmd/kes-respond/exit", "cmd/kes-respond/params", "cmd/kes-respond/policyfile", "cmd/kes-respond/printable",
		"cmd/kes-respond/prompt", "cmd/kes-respond/render", "cmd/kes-respond/secret", "cmd/kes-respond/setup", "cmd/kes-respond/strict", "cmd/kes-respond/targets", "cmd/kes-respond/trusted",
	},
	"cmd/kes-respond/anchor": nil,
	"cmd/kes-respond/bulk": {
		"shared", "plugin", "plugin/guard", "plugin/journal",
		"cmd/kes-respond/display", "cmd/kes-respond/exit", "cmd/kes-respond/printable", "cmd/kes-respond/targets",
	},
	"cmd/kes-respond/config": {"shared", "plugin/ksc", "cmd/kes-respond/secret", "cmd/kes-respond/strict", "cmd/kes-respond/trusted"},
	"cmd/kes-respond/dialect": {
		"shared", "manifest", "plugin/task", "cmd/kes-respond/exit", "cmd/kes-respond/params", "cmd/kes-respond/printable",
	},
	"cmd/kes-respond/display":    {"shared", "cmd/kes-respond/exit", "cmd/kes-respond/printable"},
	"cmd/kes-respond/exit":       {"shared", "plugin/journal"},
	"cmd/kes-respond/params":     {"plugin/task"},
	"cmd/kes-respond/policyfile": {"shared", "plugin/guard", "cmd/kes-respond/strict", "cmd/kes-respond/trusted"},
	"cmd/kes-respond/printable":  nil,
	"cmd/kes-respond/prompt":     {"shared", "cmd/kes-respond/exit", "cmd/kes-respond/printable"},
	"cmd/kes-respond/render":     {"plugin/journal/report", "cmd/kes-respond/exit", "cmd/kes-respond/printable"},
	"cmd/kes-respond/secret":     nil,
	"cmd/kes-respond/setup": {
		"shared", "plugin/ksc",
		"cmd/kes-respond/config", "cmd/kes-respond/display", "cmd/kes-respond/exit", "cmd/kes-respond/printable", "cmd/kes-respond/prompt", "cmd/kes-respond/render", "cmd/kes-respond/secret",
	},
	"cmd/kes-respond/strict":  {"shared", "manifest", "cmd/kes-respond/trusted"},
	"cmd/kes-respond/targets": {"shared", "plugin/task", "cmd/kes-respond/display", "cmd/kes-respond/exit", "cmd/kes-respond/printable", "cmd/kes-respond/trusted"},
	"cmd/kes-respond/trusted": nil,
}

// source is one Go file of ours that is no test.
type source struct {
	pkg  string
	path string
	file *ast.File
}

func sources(t *testing.T) []source {
	t.Helper()
	var all []source
	err := filepath.WalkDir(toplike, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") || strings.Contains(path, "testdata") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ParseComments)
		rel, _ := filepath.Rel(toplike, filepath.Dir(path))
		all = append(all, source{filepath.ToSlash(rel), path, file})
		return err
	})
	require.NoError(t, err)
	require.NotEmpty(t, all)
	return all
}

func TestImportsKeepTheTable(t *testing.T) {
	for _, s := range sources(t) {
		allowed, known := mayImport[s.pkg]
		assert.True(t, known, "%s: package %s stands in no line of the import table", s.path, s.pkg)
		for _, i := range s.file.Imports {
			path, err := strconv.Unquote(i.Path.Value)
			require.NoError(t, err)
			if ours, ok := strings.CutPrefix(path, module); ok {
				assert.Contains(t, allowed, ours, "%s: %s may not import %s", s.path, s.pkg, ours)
			}
			if strings.Contains(path, "invopop/jsonschema") {
				assert.Equal(t, "manifest/gen", s.pkg, "%s: only the generator reflects schemas", s.path)
			}
			if strings.Contains(path, "modelcontextprotocol") {
				assert.Equal(t, "cmd/kes-respond-mcp", s.pkg, "%s: the one-shot start does not pay for MCP", s.path)
			}
			if strings.Contains(path, "go-analyze/charts") {
				assert.Equal(t, "cmd/kes-respond-report", s.pkg, "%s: the one-shot start does not pay for charts", s.path)
			}
			if s.pkg == "shared" || s.pkg == "shared/jsonl" {
				assert.True(t, strings.HasPrefix(path, module) || !strings.Contains(path, "."), "%s: %s rests on the standard library", s.path, path)
			}
		}
	}
}

// TestBelowCmdNobodyTouchesTheProcess keeps flags, environment, standard
// streams and rootless contexts in the programs of cmd, out of their packages too,
// and file writing in cmd and the journal.
func TestBelowCmdNobodyTouchesTheProcess(t *testing.T) {
	process := regexp.MustCompile(`^(os\.(Getenv|LookupEnv|Environ|Args|Stdin|Stdout|Stderr|Exit)|context\.(Background|TODO)|flag\..*|fmt\.(Print|Println|Printf)|http\.ProxyFromEnvironment|http\.DefaultTransport|http\.DefaultClient|log\.(Print|Println|Printf|Fatal|Fatalf))$`)
	files := regexp.MustCompile(`^os\.(Create|WriteFile|OpenFile|Mkdir|MkdirAll|Rename|Remove)$`)
	for _, s := range sources(t) {
		program, inCmd := strings.CutPrefix(s.pkg, "cmd/")
		if inCmd && !strings.Contains(program, "/") || s.pkg == "manifest/gen" {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			sel, ok := n.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			if x, ok := sel.X.(*ast.Ident); ok {
				name := x.Name + "." + sel.Sel.Name
				assert.False(t, process.MatchString(name) || !inCmd && files.MatchString(name), "%s: %s below cmd", s.path, name)
			}
			return true
		})
	}
}

func TestEveryPackageAndExportedNameHasAComment(t *testing.T) {
	documented := map[string]bool{}
	packages := map[string]bool{}
	for _, s := range sources(t) {
		packages[s.pkg] = true
		documented[s.pkg] = documented[s.pkg] || s.file.Doc != nil
		if ast.IsGenerated(s.file) {
			continue
		}
		for _, d := range s.file.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Name.IsExported() && receiverExported(d) {
					assert.NotNil(t, d.Doc, "%s: %s has no comment", s.path, d.Name.Name)
				}
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					if ts, ok := spec.(*ast.TypeSpec); ok && ts.Name.IsExported() {
						assert.True(t, d.Doc != nil || ts.Doc != nil, "%s: %s has no comment", s.path, ts.Name.Name)
					}
				}
			}
		}
	}
	for p := range packages {
		assert.True(t, documented[p], "package %s has no comment", p)
	}
}

func receiverExported(d *ast.FuncDecl) bool {
	if d.Recv == nil {
		return true
	}
	star := d.Recv.List[0].Type
	if s, ok := star.(*ast.StarExpr); ok {
		star = s.X
	}
	if g, ok := star.(*ast.IndexExpr); ok {
		star = g.X
	}
	id, ok := star.(*ast.Ident)
	return ok && id.IsExported()
}

func TestModuleIsTidy(t *testing.T) {
	cmd := exec.Command("go", "mod", "tidy", "-diff")
	cmd.Dir = toplike
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, string(out))
	mod, err := os.ReadFile(filepath.Join(toplike, "go.mod"))
	require.NoError(t, err)
	require.NotContains(t, string(mod), "replace", "a replaced module is not what others get")
}
