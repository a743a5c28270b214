package ksc

import (
	"context"
	"errors"
)

// Server is what the Administration Server says of itself. The form of its
// version texts is not documented.
type Server struct {
	Version     string
	FullVersion string
	Name        string
	Virtual     bool
}

// Server reads the server's own description. It may be repeated.
func (c *Client) Server(ctx context.Context) (Server, error) {
	const method = "HostGroup.GetStaticInfo"
	fields := []string{"KLADMSRV_PRODUCT_VERSION", "KLADMSRV_PRODUCT_FULL_VERSION", "KLADMSRV_SERVER_HOSTNAME", "KLADMSRV_IS_VIRTUAL"}
	var answer struct {
		Row row `json:"PxgRetVal"`
	}
	err := c.call(ctx, method, struct {
		Values []string `json:"pValues"`
	}{fields}, &answer)
	if err != nil {
		return Server{}, err
	}
	if !answer.Row.hasAny(fields) {
		return Server{}, unusable(method, "KSC answered without any of what was asked for")
	}
	s := Server{
		Version: answer.Row["KLADMSRV_PRODUCT_VERSION"].text(), FullVersion: answer.Row["KLADMSRV_PRODUCT_FULL_VERSION"].text(),
		Name: answer.Row["KLADMSRV_SERVER_HOSTNAME"].text(),
	}
	s.Virtual, _ = answer.Row["KLADMSRV_IS_VIRTUAL"].boolean()
	return s, nil
}

// ServiceConsole says whether a service console is connected to the server:
// what, by our reading, turns incidents into console tasks. known is false
// where this version of KSC has no such question. It may be repeated.
func (c *Client) ServiceConsole(ctx context.Context) (available, known bool, err error) {
	var answer struct {
		Yes value `json:"PxgRetVal"`
	}
	err = c.call(ctx, "ConEvents.IsAnyServiceConsoleAvailable", struct{}{}, &answer)
	var e *Error
	if errors.As(err, &e) && e.Kind == KindUnsupported {
		return false, false, nil
	}
	if err != nil {
		return false, false, err
	}
	available, known = answer.Yes.boolean()
	return available, known, nil
}
