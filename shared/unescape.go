package shared

import (
	"encoding/hex"
	"unicode/utf16"
	"unicode/utf8"
)

// unescape appends what the inside of a valid JSON string means. Encoding/json
// allocates some hundred bytes for each string, and a line may hold millions
// of them that are three bytes long.
func unescape(to, s []byte) []byte {
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			to = append(to, s[i])
			continue
		}
		i++
		switch s[i] {
		case 'b':
			to = append(to, '\b')
		case 'f':
			to = append(to, '\f')
		case 'n':
			to = append(to, '\n')
		case 'r':
			to = append(to, '\r')
		case 't':
			to = append(to, '\t')
		case 'u':
			r := unit(s[i+1:])
			i += 4
			if utf16.IsSurrogate(r) {
				r = utf16.DecodeRune(r, low(s[i+1:]))
				if r != utf8.RuneError {
					i += len(`\u0000`)
				}
			}
			to = utf8.AppendRune(to, r)
		default: // it stands for itself
			to = append(to, s[i])
		}
	}
	return to
}

// low is the second half of a pair of surrogates, where s begins with an escape.
func low(s []byte) rune {
	if len(s) < len(`\u0000`) || s[0] != '\\' || s[1] != 'u' {
		return utf8.RuneError
	}
	return unit(s[2:])
}

// unit reads the four digits of an escape.
func unit(s []byte) rune {
	var b [2]byte
	if _, err := hex.Decode(b[:], s[:4]); err != nil { // a valid string has four
		return utf8.RuneError
	}
	return rune(b[0])<<8 | rune(b[1])
}
