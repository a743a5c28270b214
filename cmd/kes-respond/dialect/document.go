package dialect

import (
	"context"
	"io"

	"github.com/kes-respond/kes-respond/cmd/kes-respond/exit"
)

var _ = register(Dialect{
	Platform: "form", Names: []string{"kes-respond-form"}, Takes: "< DOCUMENT", answer: asForm,
})

// asForm reads one JSON object to the end of input, values as text where the
// caller knows nothing else, and answers with one: what the thin Python files of
// some packages make their platform's answer from. The password of a connection
// comes in by standard input, where no list of processes shows it.
func asForm(ctx context.Context, s Surroundings, args []string) error {
	if len(args) != 0 {
		return exit.Usage("as form takes its document from standard input, and no argument")
	}
	f, err := formFrom(s.In)
	if err != nil {
		return notSent(err.Error()).printed(s.Out)
	}
	return replied(carryOut(ctx, s, f)).printed(s.Out)
}

func formFrom(in io.Reader) (form, error) {
	data, err := handedOver(in)
	if err != nil {
		return form{}, err
	}
	f, _, err := documentForm(data, "")
	return f, err
}
