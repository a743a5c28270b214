package rpc

import (
	"golang.org/x/sync/semaphore"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
)

// room bounds the memory that requests in flight take. A request waits for room
// outside, in the host's and the connection's buffers, because all but a few
// wait before their message is read.
type room struct {
	bytes   *semaphore.Weighted
	most    int64
	reading *semaphore.Weighted
}

const (
	atOnce    = 4        // messages that are read at one time
	leastSize = 16 << 10 // what a request takes beside its message
)

func newRoom(bytes int64) *room {
	return &room{bytes: semaphore.NewWeighted(bytes), most: bytes, reading: semaphore.NewWeighted(atOnce)}
}

// stream gives the calls of Responder their room. The others are go-plugin's
// own, carry nothing large, and last as long as the plugin.
func (r *room) stream(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, next grpc.StreamHandler) error {
	if _, ours := srv.(*service); !ours {
		return next(srv, ss)
	}
	m := &metered{ServerStream: ss, room: r}
	defer func() { r.bytes.Release(m.taken) }()
	return next(srv, m)
}

// metered is the stream of one request.
type metered struct {
	grpc.ServerStream
	room  *room
	taken int64
}

// RecvMsg reads the request when there is room for it. A request larger than
// all the room is read when nothing else is there.
func (m *metered) RecvMsg(to any) error {
	if err := m.room.reading.Acquire(m.Context(), 1); err != nil {
		return err
	}
	defer m.room.reading.Release(1)
	if err := m.ServerStream.RecvMsg(to); err != nil {
		return err
	}
	size := int64(leastSize)
	if message, ok := to.(proto.Message); ok {
		size += int64(proto.Size(message))
	}
	size = min(size, m.room.most)
	if err := m.room.bytes.Acquire(m.Context(), size); err != nil {
		return err
	}
	m.taken = size
	return nil
}
