package shared_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// constantsOf reads the package's source for its exported constants: by type
// where they have one ("Code"), else under "". So a constant that is added
// without its row in a table, here or in PROTOCOL.md, fails a test. Values
// are source text, strings without their quotes.
func constantsOf(t testing.TB) map[string]map[string]string {
	t.Helper()
	entries, err := os.ReadDir(".")
	require.NoError(t, err)
	all := map[string]map[string]string{}
	for _, entry := range entries {
		if !strings.HasSuffix(entry.Name(), ".go") || strings.HasSuffix(entry.Name(), "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), entry.Name(), nil, 0)
		require.NoError(t, err)
		for _, d := range file.Decls {
			if g, ok := d.(*ast.GenDecl); ok && g.Tok == token.CONST {
				addConstants(t, all, g)
			}
		}
	}
	return all
}

func addConstants(t testing.TB, all map[string]map[string]string, g *ast.GenDecl) {
	for _, s := range g.Specs {
		spec := s.(*ast.ValueSpec)
		kind := ""
		if id, ok := spec.Type.(*ast.Ident); ok {
			kind = id.Name
		}
		require.Len(t, spec.Names, 1, "one constant a line")
		require.Len(t, spec.Values, 1, "%s has no value of its own", spec.Names[0].Name)
		if !spec.Names[0].IsExported() {
			continue
		}
		value := ""
		if lit, ok := spec.Values[0].(*ast.BasicLit); ok {
			value = lit.Value
			if lit.Kind == token.STRING {
				var err error
				value, err = strconv.Unquote(lit.Value)
				require.NoError(t, err)
			}
		}
		if all[kind] == nil {
			all[kind] = map[string]string{}
		}
		all[kind][spec.Names[0].Name] = value
	}
}

// valuesOf are the values of all constants of a type, or of those untyped ones
// whose names begin with prefix.
func valuesOf(t testing.TB, kind, prefix string) []string {
	t.Helper()
	var values []string
	for name, value := range constantsOf(t)[kind] {
		if strings.HasPrefix(name, prefix) {
			values = append(values, value)
		}
	}
	require.NotEmpty(t, values)
	return values
}
