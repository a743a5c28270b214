package params

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/kes-respond/kes-respond/plugin/task"
)

// TestEveryMemberOfASampleIsAParameter: what a task takes by its own example can
// be given by a flag, and is of the kind that the example has.
func TestEveryMemberOfASampleIsAParameter(t *testing.T) {
	for _, one := range task.All() {
		kinds := map[string]Param{}
		for _, p := range Of(one) {
			assert.NotContains(t, kinds, p.Name, "%s names it twice", one.Name)
			assert.NotEmpty(t, p.Title, "%s of %s", p.Name, one.Name)
			kinds[p.Name] = p
		}
		sample := one.Sample()
		if IsList(one) {
			var list []json.RawMessage
			require.NoError(t, json.Unmarshal(sample, &list))
			sample = list[0]
		}
		var members map[string]any
		require.NoError(t, json.Unmarshal(sample, &members))
		for name, value := range members {
			p, known := kinds[name]
			require.True(t, known, "%s of %s", name, one.Name)
			_, text := value.(string)
			assert.Equal(t, text, p.Text(), "%s of %s is of kind %s", name, one.Name, p.Kind)
		}
		for name, p := range kinds {
			assert.False(t, p.Required && members[name] == nil, "%s requires %s, and its sample lacks it", one.Name, name)
		}
	}
}

func TestTheOrderIsTheSchemas(t *testing.T) {
	var s Schema
	require.NoError(t, json.Unmarshal([]byte(`{"properties":{"b":{"type":"string"},"a":{"type":"integer"},"c":{}}}`), &s))
	assert.Equal(t, Properties{{"b", Schema{Type: "string"}}, {"a", Schema{Type: "integer"}}, {"c", Schema{}}}, s.Properties)
	assert.Equal(t, "integer", s.Property("a").Type)
	assert.Equal(t, Schema{}, s.Property("d"))
}

func TestOnlyATextThatTheSchemaLetsBeEmptyMayBe(t *testing.T) {
	for text, may := range map[string]bool{
		`{"type":"string"}`:                        true,
		`{"type":"string","pattern":"^[a-z]*$"}`:   true,
		`{"type":"string","pattern":"^[a-z]+$"}`:   false,
		`{"type":"string","minLength":1}`:          false,
		`{"type":"string","enum":["a"]}`:           false,
		`{"type":"string","pattern":"("}`:          false,
		`{"type":"integer"}`:                       false,
		`{"type":"array","items":{"type":"null"}}`: false,
	} {
		var s Schema
		require.NoError(t, json.Unmarshal([]byte(text), &s))
		assert.Equal(t, may, s.MayBeEmpty(), text)
	}
}
