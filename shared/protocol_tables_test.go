package shared_test

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/plugin/ksc/ksctest"
	"github.com/kes-respond/kes-respond/shared"
	"github.com/kes-respond/kes-respond/shared/jsonl"
)

// table gives the rows of the table that follows a heading of the
// specification and begins with the named column, cell by cell.
func table(t testing.TB, heading, column string) [][]string {
	t.Helper()
	lines := strings.Split(specification(t), "\n")
	at := slices.IndexFunc(lines, func(l string) bool { return strings.HasPrefix(l, "#") && strings.TrimLeft(l, "# ") == heading })
	require.NotEqual(t, -1, at, "no heading %q", heading)
	var rows [][]string
	for _, line := range lines[at+1:] {
		if strings.HasPrefix(line, "#") {
			break
		}
		if !strings.HasPrefix(line, "|") {
			if rows != nil {
				break
			}
			continue
		}
		cells := strings.Split(strings.Trim(line, "| "), " | ")
		if rows == nil && cells[0] != column {
			continue
		}
		rows = append(rows, cells)
	}
	require.Greater(t, len(rows), 2, "no table %q under %q", column, heading)
	return rows[2:]
}

func ticked(cell string) string { return strings.Trim(cell, "`*") }

func firstCells(rows [][]string) []string {
	var all []string
	for _, r := range rows {
		all = append(all, ticked(r[0]))
	}
	return all
}

func TestLimitsOfTheSpecification(t *testing.T) {
	limits := map[string]string{
		"MaxRequestBytes":      strconv.Itoa(shared.MaxRequestBytes),
		"MaxEventBytes":        strconv.Itoa(shared.MaxEventBytes),
		"MaxDepth":             strconv.Itoa(shared.MaxDepth),
		"MaxValues":            strconv.Itoa(shared.MaxValues),
		"MaxIDLength":          strconv.Itoa(shared.MaxIDLength),
		"MaxListed":            strconv.Itoa(shared.MaxListed),
		"DefaultSubmitTimeout": shared.DefaultSubmitTimeout.String(),
		"DefaultDoneTimeout":   shared.DefaultDoneTimeout.String(),
		"MaxTimeout":           shared.MaxTimeout.String(),
		"DefaultInFlight":      strconv.Itoa(jsonl.DefaultInFlight),
		"DefaultInFlightBytes": strconv.Itoa(jsonl.DefaultInFlightBytes),
		"DefaultGrace":         jsonl.DefaultGrace.String(),
	}
	for name := range constantsOf(t)[""] {
		if strings.HasPrefix(name, "Max") || strings.HasPrefix(name, "Default") && name != "DefaultArea" {
			assert.Contains(t, limits, name, "a limit without its row")
		}
	}
	rows := table(t, "3. Limits", "Limit")
	assert.Len(t, rows, len(limits))
	for _, r := range rows {
		want, number := limits[ticked(r[0])], r[1]
		if d, err := time.ParseDuration(number); err == nil {
			number = d.String()
		}
		assert.Equal(t, want, number, r[0])
	}
}

// memberRow is a row of the table of request members: the types that take the
// member, and whether one cannot do without it.
type memberRow map[string]bool

func memberRows(t testing.TB) map[string]memberRow {
	kinds := firstCells(table(t, "4. Requests", "Type"))
	all := map[string]memberRow{}
	for _, r := range table(t, "4.1 Members", "Member") {
		row := memberRow{}
		for _, kind := range strings.Split(r[1], ", ") {
			if kind == "all" {
				for _, k := range kinds {
					row[k] = false
				}
				continue
			}
			row[ticked(kind)] = strings.HasPrefix(kind, "**")
		}
		all[ticked(r[0])] = row
	}
	return all
}

// TestRequestMembersOfTheSpecification tries every member in every type and
// compares what is said with what the table says.
func TestRequestMembersOfTheSpecification(t *testing.T) {
	kinds := firstCells(table(t, "4. Requests", "Type"))
	assert.ElementsMatch(t, valuesOf(t, "", "Type"), kinds)
	rows := memberRows(t)
	var names []string
	for i := range reflect.TypeFor[shared.Request]().NumField() {
		names = append(names, jsonName(reflect.TypeFor[shared.Request]().Field(i)))
	}
	assert.Len(t, rows, len(names))
	values := memberValues()
	values["id"] = struct{ good, bad []string }{good: []string{`1`}}
	for _, name := range names {
		row, written := rows[name]
		if !assert.True(t, written, "member %s has no row", name) || name == "type" {
			continue
		}
		for _, kind := range kinds {
			required, takes := row[kind]
			found := wrong(t, `{"type":"`+kind+`","`+name+`":`+values[name].good[0]+`}`)
			assert.Equal(t, !takes, slices.Contains(found, "/"+name+" has no meaning in a request of type "+kind), "%s in %s", name, kind)
			found = wrong(t, `{"type":"`+kind+`"}`)
			assert.Equal(t, required, slices.Contains(found, "/"+name+" is required"), "%s in %s", name, kind)
		}
	}
}

func TestWordsOfTheSpecification(t *testing.T) {
	words := regexp.MustCompile("`([a-z]+)`")
	for _, r := range table(t, "4.1 Members", "Member") {
		prefix := map[string]string{"hostLookup": "Lookup", "wait": "Wait"}[ticked(r[0])]
		if prefix == "" {
			continue
		}
		var said []string
		for _, m := range words.FindAllStringSubmatch(r[2], -1) {
			said = append(said, m[1])
		}
		assert.ElementsMatch(t, valuesOf(t, "", prefix), said, r[0])
	}
	assert.ElementsMatch(t, valuesOf(t, "", "Stage"), firstCells(table(t, "5.3 `progress`", "Stage")))
	assert.ElementsMatch(t, valuesOf(t, "Effect", ""), firstCells(table(t, "`tasks` of `described`", "Effect")))
	assert.Contains(t, specification(t), "else `"+shared.DefaultArea+"`")
}

// TestEventMembersOfTheSpecification compares each table with the type of the
// code, in order, and what is always there.
func TestEventMembersOfTheSpecification(t *testing.T) {
	for heading, kind := range map[string]reflect.Type{
		"5.1 `hello`":            reflect.TypeFor[shared.Hello](),
		"5.2 `accepted`":         reflect.TypeFor[shared.Accepted](),
		"5.3 `progress`":         reflect.TypeFor[shared.Progress](),
		"5.4 `result`":           reflect.TypeFor[shared.Result](),
		"5.5 `described`":        reflect.TypeFor[shared.Description](),
		"5.6 `checked`":          reflect.TypeFor[shared.Checked](),
		"5.7 `error`":            reflect.TypeFor[shared.Problem](),
		"`steps` of `checked`":   reflect.TypeFor[shared.CheckStep](),
		"`certificate`":          reflect.TypeFor[shared.Certificate](),
		"`limits`":               reflect.TypeFor[shared.Limits](),
		"`host`":                 reflect.TypeFor[shared.Host](),
		"`incident`":             reflect.TypeFor[shared.Incident](),
		"`consoleTask`":          reflect.TypeFor[shared.ConsoleTask](),
		"`error` of a result":    reflect.TypeFor[shared.Error](),
		"`violations`":           reflect.TypeFor[shared.Violation](),
		"`candidates`":           reflect.TypeFor[shared.Candidate](),
		"`upstream`":             reflect.TypeFor[shared.Upstream](),
		"`undo`":                 reflect.TypeFor[shared.Undo](),
		"`plan`":                 reflect.TypeFor[shared.Plan](),
		"`tasks` of `described`": reflect.TypeFor[shared.TaskDescription](),
	} {
		var want, said []string
		for i := range kind.NumField() {
			f := kind.Field(i)
			always := " yes"
			if strings.HasSuffix(f.Tag.Get("json"), ",omitempty") {
				always = " no"
			}
			want = append(want, jsonName(f)+always)
		}
		for _, r := range table(t, heading, "Member") {
			said = append(said, ticked(r[0])+" "+r[1])
		}
		assert.Equal(t, want, said, heading)
	}
	assert.Equal(t, []string{"type", "time", "id", "seq"}, firstCells(table(t, "5. Events", "Member")))
}

func jsonName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
	return name
}

func TestOutcomesAndCodesOfTheSpecification(t *testing.T) {
	const heading = "6. Outcomes, codes and exit codes"
	outcomes := table(t, heading, "Outcome")
	codes := table(t, heading, "Code")
	exits := table(t, heading, "Exit code")
	assert.ElementsMatch(t, valuesOf(t, "Outcome", ""), firstCells(outcomes))
	assert.ElementsMatch(t, valuesOf(t, "Code", ""), firstCells(codes))
	assert.ElementsMatch(t, valuesOf(t, "", "Exit"), firstCells(exits))
	for _, o := range outcomes {
		outcome := shared.Outcome(ticked(o[0]))
		for _, c := range codes {
			want := o[2]
			if want == "by code" {
				want = c[3]
			}
			assert.Equal(t, want, strconv.Itoa(shared.Exit(outcome, shared.Code(ticked(c[0])))), "%s %s", outcome, c[0])
			assert.NotEmpty(t, c[1])
			assert.NotEmpty(t, c[2])
		}
	}
}

// TestEveryMemberIsCarriedOut sends each member to the real plugin, as a dry run
// of a good request: section 9 says that none is refused.
func TestEveryMemberIsCarriedOut(t *testing.T) {
	require.Contains(t, specification(t), "Every member of protocol 1 is carried out by this build.")
	tried := 0
	synctest.Test(t, func(t *testing.T) {
		server, err := ksctest.New(ksctest.Options{User: "edr-operator", Password: "p"})
		require.NoError(t, err)
		p := pluginOf(t, server)
		for name, row := range memberRows(t) {
			_, takes := row[shared.TypeRespond]
			if _, known := memberValues()[name]; !takes || !known {
				continue
			}
			for _, value := range memberValues()[name].good {
				line := map[string]json.RawMessage{
					"task": json.RawMessage(`"isolateHost"`), "targetHost": json.RawMessage(`"h"`), "params": json.RawMessage(`{"action":1}`),
					"dryRun": json.RawMessage(`true`), "hostLookup": json.RawMessage(`"never"`), "timeout": json.RawMessage(`"1m"`),
				}
				if _, base := line[name]; base || name == "server" {
					continue
				}
				if name == "connection" { // one that is complete
					value = `{"kscHost":"h","kscCert":"` + strings.Repeat("00", 32) + `","kscUser":"u","kscPassword":"p"}`
				}
				line[name] = json.RawMessage(value)
				r, refusal := shared.ParseRequest(mustJSON(t, line))
				require.Nil(t, refusal)
				result := p.Respond(t.Context(), r, func(shared.Event) {})
				assert.Equal(t, shared.Planned, result.Outcome, "%s %s: %+v", name, value, result.Error)
				tried++
			}
		}
	})
	assert.GreaterOrEqual(t, tried, 20)
}

// TestStepsOfTheSpecification compares the steps of a real check.
func TestStepsOfTheSpecification(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, err := ksctest.New(ksctest.Options{User: "edr-operator", Password: "p"})
		require.NoError(t, err)
		checked, err := pluginOf(t, server).Check(t.Context(), shared.Request{Type: shared.TypeCheck})
		require.NoError(t, err)
		var names []string
		for _, s := range checked.Steps {
			names = append(names, s.Name)
		}
		assert.Equal(t, names, firstCells(table(t, "5.6 `checked`", "Step")))
	})
	for _, r := range table(t, "`steps` of `checked`", "Member") {
		if ticked(r[0]) == "state" {
			assert.Equal(t, "`"+shared.StepPassed+"`, `"+shared.StepWarning+"`, `"+shared.StepFailed+"` or `"+shared.StepSkipped+"`", r[2])
		}
	}
}

// TestWhatThisBuildNeverGives compares the sentence with the source: an
// outcome or code that no source of the plugin or of a carrier names.
func TestWhatThisBuildNeverGives(t *testing.T) {
	_, after, found := strings.Cut(specification(t), "It never gives the code")
	require.True(t, found)
	sentence, _, _ := strings.Cut(after, "; a caller")
	var said []string
	for _, m := range regexp.MustCompile("`([a-z_]+)`").FindAllStringSubmatch(sentence, -1) {
		said = append(said, m[1])
	}
	var source strings.Builder
	for _, dir := range []string{"jsonl", "rpc", filepath.Join("..", "plugin")} {
		require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() && d.Name() == "journal" {
				return fs.SkipDir // it writes down what others give
			}
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			data, err := os.ReadFile(path)
			source.Write(data)
			return err
		}))
	}
	var never []string
	for _, kind := range []string{"Outcome", "Code"} {
		for name, value := range constantsOf(t)[kind] {
			if !regexp.MustCompile(`shared\.` + name + `\b`).MatchString(source.String()) {
				never = append(never, value)
			}
		}
	}
	assert.ElementsMatch(t, never, said)
}
