package journal

import (
	"bufio"
	"bytes"
	"context"
	"crypto/hmac"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
)

// Flaw is a place where the ledger is not as it was written.
type Flaw struct {
	File   string `json:"file"`
	Offset int64  `json:"offset"`
	Line   int    `json:"line"`          // counted from 1; 0 for the file as a whole
	Seq    uint64 `json:"seq,omitempty"` // the number of the line there, as far as it is readable
	What   string `json:"what"`
}

// Proof is what Verify found.
type Proof struct {
	Lines int    `json:"lines"`
	First uint64 `json:"first"` // the numbers of the first and the last line
	Last  uint64 `json:"last"`
	Head  string `json:"head"` // the MAC of the last line, to compare by hand
	Torn  int    `json:"torn"` // crashes that left an unfinished line, which was cut off and noted
	Heads int    `json:"anchored"`
	Flaws []Flaw `json:"flaws"`
}

// Verify reads the whole ledger and proves each line and its place in the
// chain. With the lines that the anchor was given it proves as well that none
// is missing at the end, and that the chain is not another one made with the
// same key. It finds every flaw, not only the first. Writers go on meanwhile;
// what they add is not looked at. The error says that it could not read.
func (j *Journal) Verify(ctx context.Context, anchor io.Reader) (Proof, error) {
	v := &verifier{j: j, prover: newProver(j.secret), proof: Proof{Flaws: []Flaw{}}, heads: map[uint64]string{}}
	if j.root == nil {
		return v.proof, nil
	}
	if anchor != nil {
		if err := v.readAnchor(anchor); err != nil {
			return v.proof, err
		}
	}
	begin := *v
	begin.proof.Flaws = slices.Clip(v.proof.Flaws)
	for doubt := (apart{}); ; *v = begin {
		suspended := j.Suspended()
		pruned, err := v.files(ctx)
		if err != nil {
			return v.proof, err
		}
		if pruned {
			continue
		}
		found := v.suspension(suspended)
		if found.what == "" {
			return v.proof, nil
		}
		if found == doubt {
			v.file, v.line, v.offset = suspendedFile, 0, 0
			v.flaw(found.line, found.what)
			return v.proof, nil
		}
		// It may have been half done. What is the same afterwards was not.
		doubt = found
		if err := j.passing(ctx); err != nil {
			return v.proof, err
		}
	}
}

// files proves the ledger from its first file to its last. It says pruned, and
// has to begin anew, where the files that it was at were dropped meanwhile.
func (v *verifier) files(ctx context.Context) (pruned bool, err error) {
	first, last, err := v.j.segments()
	if err != nil {
		return false, err
	}
	for n := first; n <= last && n > 0; n++ {
		gone, err := v.segment(ctx, n, n == last)
		if err != nil {
			return false, err
		}
		if !gone {
			continue
		}
		if now, _, err := v.j.segments(); err != nil || now > n {
			return true, err // whether the ledger says so is seen in the end
		}
		v.flaw(0, "the file is gone")
	}
	v.file, v.line, v.offset = segmentName(max(first, 1)), 0, 0
	if first == 0 || first > v.pruned+1 {
		v.flaw(0, fmt.Sprintf("the files before it are gone, and the ledger does not say that they were dropped for their age (it says so up to file %d)", v.pruned))
	}
	for seq := range v.heads {
		if seq > v.proof.Last {
			v.file, v.line, v.offset = segmentName(max(last, 1)), 0, 0
			v.flaw(seq, "the anchor knows this line, and the ledger ends before it: the end was cut off")
		}
	}
	return false, nil
}

// maxAnchorLine is how long a line of an anchor's file may be.
const maxAnchorLine = 16 << 20

type verifier struct {
	j      *Journal
	prover prover
	proof  Proof
	heads  map[uint64]string
	seq    uint64
	mac    mac
	begun  bool
	pruned uint32

	switched line // the last that says that sending was suspended or resumed

	file   string
	line   int
	offset int64
}

func (v *verifier) flaw(seq uint64, what string) {
	v.proof.Flaws = append(v.proof.Flaws, Flaw{v.file, v.offset, v.line, seq, what})
}

func (v *verifier) readAnchor(r io.Reader) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxAnchorLine) // a system's log has lines of others
	for lines.Scan() {
		text := lines.Bytes()
		if at := bytes.IndexByte(text, '{'); at > 0 {
			text = text[at:] // syslog puts words before it
		}
		var a anchored
		if err := json.Unmarshal(text, &a); err != nil || a.Seq == 0 {
			continue // lines of others
		}
		if earlier, ok := v.heads[a.Seq]; ok && earlier != a.MAC {
			v.file = "anchor"
			v.flaw(a.Seq, "the anchor has two heads for this line: the ledger was cut and written anew")
		}
		v.heads[a.Seq] = a.MAC
	}
	v.proof.Heads = len(v.heads)
	return lines.Err()
}

// segment proves the lines of one file, where it is there.
func (v *verifier) segment(ctx context.Context, n uint32, last bool) (gone bool, err error) {
	v.file, v.line, v.offset = segmentName(n), 0, 0
	f, err := v.j.open(v.file, os.O_RDONLY)
	if isMissing(err) {
		return true, nil
	}
	if err != nil {
		return false, v.j.wrap(v.file+" cannot be opened", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return false, v.j.wrap(v.file+" cannot be looked at", err)
	}
	r := bufio.NewReaderSize(io.NewSectionReader(f, 0, info.Size()), maxLine)
	for {
		raw, err := r.ReadBytes('\n')
		v.line++
		if err == io.EOF {
			if len(raw) > 0 && !last {
				v.flaw(0, "the file ends in the middle of a line")
			}
			return false, nil // at the end of all somebody may be writing it, or the next one mends it
		}
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return false, v.j.wrap(v.file+" cannot be read", err)
		}
		v.take(raw[:len(raw)-1], n)
		v.offset += int64(len(raw))
	}
}

// take proves one line. After a flaw it goes on from what stands there, so that
// one change is one flaw, or two.
func (v *verifier) take(raw []byte, n uint32) {
	signed, m, err := splitLine(raw)
	var l line
	if err == nil {
		l, err = readLine(raw)
	}
	v.proof.Lines++
	if err != nil {
		v.flaw(0, "not a line of a ledger: "+err.Error())
		return
	}
	if !v.begun {
		v.begun = true
		v.seq = l.Seq - 1
		v.proof.First = l.Seq
		if v.mac, err = parseMAC([]byte(l.Prev)); err != nil || l.Event != eventOpened {
			v.flaw(l.Seq, "the first line is not the one that opens a file")
		}
		if n == 1 && (l.Seq != 1 || v.mac != mac{}) {
			v.flaw(l.Seq, "the ledger does not begin with its first line")
		}
	}
	if l.Seq != v.seq+1 {
		v.flaw(l.Seq, fmt.Sprintf("line %d should stand here: lines were cut out, added or swapped", v.seq+1))
	}
	if proof := v.prover.chain(v.mac, signed); !hmac.Equal(proof[:], m[:]) {
		v.flaw(l.Seq, errForged.Error())
	}
	v.opens(l, n)
	v.seq, v.mac = l.Seq, m
	v.proof.Last, v.proof.Head = l.Seq, hex.EncodeToString(m[:])
	if head, ok := v.heads[l.Seq]; ok && head != v.proof.Head {
		v.flaw(l.Seq, "the anchor knows another line under this number: the ledger was cut and written anew")
	}
}

// opens checks what lines say of the files.
func (v *verifier) opens(l line, n uint32) {
	if l.Event == eventSuspended || l.Event == eventResumed {
		v.switched = l
	}
	switch {
	case l.Event == eventTorn:
		v.proof.Torn++
	case l.Event == eventPruned:
		v.pruned = max(v.pruned, l.Through)
	case v.line == 1 && (l.Event != eventOpened || l.Segment != n):
		v.flaw(l.Seq, "the file does not begin as this file")
	case v.line == 1 && l.Prev != hex.EncodeToString(v.mac[:]):
		v.flaw(l.Seq, "it does not follow the file before")
	case v.line != 1 && l.Event == eventOpened:
		v.flaw(l.Seq, "a file begins inside another one")
	}
}
