package sockets

// Which of the sockets of one TCP address new connections go to, while some of their
// processes can not take any.

import (
	"errors"
	"fmt"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// Steer has the kernel give new connections of the address of s to some of its sockets
// only. They are numbered as the kernel keeps them: by age, and one that was closed has
// left its number to the last. Without numbers each of them gets connections again.
//
// Connections that a socket has been given already stay there. A number that is none leaves
// the choice among all to the kernel.
func (s *Socket) Steer(numbers ...int) error {
	if s.shared {
		return nil // there is nothing to choose from
	}
	f := s.File()
	if f == nil {
		return fmt.Errorf("steer connections to %s: %w", describe(s.addr), net.ErrClosed)
	}
	raw, err := f.SyscallConn()
	if err == nil {
		err = control(raw, func(fd int) error { return steer(fd, numbers) })
	}
	if err != nil {
		return fmt.Errorf("steer connections to %s: %w", describe(s.addr), err)
	}
	return nil
}

func steer(fd int, numbers []int) error {
	if len(numbers) > 0 {
		program := dealer(numbers)
		return os.NewSyscallError("setsockopt", unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_REUSEPORT_CBPF,
			&unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}))
	}
	err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DETACH_REUSEPORT_BPF, 0)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EINVAL) {
		return nil // nothing was attached, or the socket is alone
	}
	return os.NewSyscallError("setsockopt", err)
}

// dealer is a program of classic BPF that returns one of numbers, by lot: the hash of a
// packet is 0 on many a network card.
func dealer(numbers []int) []unix.SockFilter {
	const (
		random = 1<<32 - 0x1000 + 56 // SKF_AD_OFF + SKF_AD_RANDOM of linux/filter.h
		none   = 1<<32 - 1
	)
	program := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: random},
		{Code: unix.BPF_ALU | unix.BPF_MOD | unix.BPF_K, K: uint32(len(numbers))},
	}
	for lot, number := range numbers {
		program = append(program,
			unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: uint32(lot), Jf: 1},
			unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: uint32(number)})
	}
	return append(program, unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: none})
}
