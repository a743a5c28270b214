package guard

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode"

	"github.com/kes-respond/kes-respond/shared"
)

// folder is a folder in two readings, for no host tells how its Windows compares.
// To forbid a place all that may be the same name counts; to allow one, only
// what surely is.
type folder struct{ alike, same []string }

func foldersOf(texts []string) ([]folder, []shared.Violation) {
	var all []folder
	var found []shared.Violation
	for i, text := range texts {
		f, flaw := steps(text)
		if flaw != "" {
			found = append(found, shared.Violation{Pointer: fmt.Sprintf("/%d", i), Message: "must be the full path of a folder on a drive, such as C:\\Windows: it " + flaw})
			continue
		}
		all = append(all, f)
	}
	return all, found
}

// shortName is a step that may be another name of a longer one (8.3).
var shortName = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`~[0-9]`) })

// steps takes a path apart. flaw says why it cannot be compared with folders:
// then it may be another place than it seems. Links on the host cannot be seen
// from here at all.
func steps(path string) (f folder, flaw string) {
	path = strings.ReplaceAll(path, "/", `\`)
	switch {
	case strings.HasPrefix(path, `\\`):
		return folder{}, "begins with a share, a device or \\\\?\\"
	case strings.Contains(path, "%"):
		return folder{}, "holds a variable"
	case len(path) < 3 || path[1:3] != `:\` || !isLetter(path[0]):
		return folder{}, "does not begin with a drive"
	case strings.Contains(path[2:], ":"):
		return folder{}, "holds a data stream"
	}
	f = folder{[]string{strings.ToLower(path[:2])}, []string{strings.ToLower(path[:2])}}
	for _, step := range strings.Split(path[3:], `\`) {
		if step == ".." {
			return folder{}, `holds ".."`
		}
		if shortName().MatchString(step) {
			return folder{}, "holds a short name (~1)"
		}
		if like := alike(step); like != "" {
			f.alike = append(f.alike, like)
		}
		if step != "" {
			f.same = append(f.same, same(step))
		}
	}
	return f, ""
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }

// alike is what all names become that Windows, or a program on it, may take for
// one: without regard to case, without the dots and blanks at their ends, and
// without marks that nobody sees. Wide forms count as the letters that they show.
func alike(step string) string {
	step = strings.Map(func(r rune) rune {
		switch {
		case r >= '\uff01' && r <= '\uff5e':
			r -= '\uff01' - '!'
		case r == '\u3000':
			r = ' '
		case unicode.Is(unicode.Cf, r):
			return -1
		}
		return unicode.ToLower(unicode.ToUpper(r))
	}, step)
	return strings.TrimRight(step, ". ")
}

// same is equal for names that differ in case alone, in letters of which nobody
// doubts it: the Kelvin sign is no k, nor a long s an s.
func same(step string) string { return strings.ToUpper(step) + "\x00" + strings.ToLower(step) }

// holds says that a path may lie in a folder, or be it.
func (f folder) holds(path folder) bool { return begins(path.alike, f.alike) }

// surelyHolds says that a path lies in a folder, or is it.
func (f folder) surelyHolds(path folder) bool { return begins(path.same, f.same) }

func begins(all, first []string) bool {
	return len(all) >= len(first) && slices.Equal(first, all[:len(first)])
}

// meetsPaths says whether a place that the request touches lies in one of the
// rule's folders, or not surely in one of those it must lie in. Only places of
// the effects that the rule is about count.
func (r rule) meetsPaths(q Question) (bool, string) {
	touched := false
	for _, p := range q.Paths {
		if len(r.Effects) > 0 && !slices.Contains(r.Effects, p.Effect) {
			continue
		}
		touched = true
		if yes, why := r.meetsPath(p); yes {
			return true, why
		}
	}
	if !touched {
		return false, "it is about places on the host, and the request names none for that"
	}
	return false, "it is about other places"
}

func (r rule) meetsPath(p Path) (bool, string) {
	if p.Path == "" {
		return true, "no path says where it is, so it may be any place"
	}
	place, flaw := steps(p.Path)
	if flaw != "" {
		return true, "the path " + flaw + ", so it may be any place"
	}
	searched := place // from where on subfolders are searched
	if !strings.HasSuffix(p.Path, `\`) && !strings.HasSuffix(p.Path, "/") {
		searched = place.parent()
	}
	for i, f := range r.folders {
		if f.holds(place) {
			return true, "the path lies in " + r.Folders[i]
		}
		if p.Subfolders && searched.holds(f) {
			return true, r.Folders[i] + " lies below what would be searched"
		}
	}
	if len(r.outside) == 0 {
		return false, ""
	}
	if p.Subfolders {
		place = searched
	}
	if !slices.ContainsFunc(r.outside, func(f folder) bool { return f.surelyHolds(place) }) {
		return true, "the path lies in none of the folders where it may"
	}
	return false, ""
}

// parent is the folder that a file lies in. Of what may be a folder itself it
// is the wider place.
func (f folder) parent() folder {
	return folder{f.alike[:max(1, len(f.alike)-1)], f.same[:max(1, len(f.same)-1)]}
}
