package store

import (
	"encoding/binary"
	"errors"

	"github.com/cespare/xxhash/v2"
)

// A block is a run of entries, each a term and the slots that have it:
//
//	uvarint  the term, less the one before; of the first entry less the directory's
//	uvarint  the length of what follows, in bytes
//	bytes    the slots, ascending, each as a uvarint less the one before; or, if
//	         that is shorter, all as a bitmap of bitmapSize bytes
//
// The length tells the two apart: a list of bitmapSize bytes is not written. What
// is stored is sealed, as a wrong bit would otherwise hide events from queries.
const (
	bitmapSize = segmentSize / 8
	// blockTarget is the size from which a block is full: several fit into a page.
	blockTarget = 1000
)

var errDamagedIndex = errors.New("the index is damaged")

// seal adds a checksum of the data and of where they belong.
func seal(place int64, data []byte) []byte {
	return binary.LittleEndian.AppendUint64(data, checksum(place, data))
}

// unseal returns what was sealed.
func unseal(place int64, sealed []byte) ([]byte, error) {
	n := len(sealed) - 8
	if n < 0 || checksum(place, sealed[:n]) != binary.LittleEndian.Uint64(sealed[n:]) {
		return nil, errDamagedIndex
	}
	return sealed[:n], nil
}

func checksum(place int64, data []byte) uint64 {
	return xxhash.Sum64(data) ^ uint64(place)*0x9e3779b97f4a7c15
} //nolint:gosec // the bits of it

// segmentData is a segment as it is stored.
type segmentData struct {
	zones, directory []byte
	presence         presence
	blocks           [][]byte
}

// encodeSegment makes a segment's index of its zones and its terms, which ascend.
func encodeSegment(number int64, zones *[zoneCount]zone, postings []posting) segmentData {
	var data segmentData
	for _, z := range zones {
		data.zones = binary.LittleEndian.AppendUint64(data.zones, uint64(z.least)) //nolint:gosec // the bits of it
		data.zones = binary.LittleEndian.AppendUint64(data.zones, uint64(z.most))  //nolint:gosec // the bits of it
	}
	w := blockWriter{segment: number, data: &data}
	data.presence = newPresence(len(postings))
	for _, p := range postings {
		data.presence.add(p.term)
		w.add(p.term, p.slots)
	}
	w.end()
	data.zones, data.directory, data.presence = seal(number, data.zones), seal(number, data.directory), seal(number, data.presence)
	return data
}

// blockWriter packs entries, whose terms ascend, into blocks.
type blockWriter struct {
	segment int64
	data    *segmentData
	block   []byte
	term    uint64 // the last one
	list    []byte
}

func (w *blockWriter) add(term uint64, in []uint16) {
	if len(w.block) == 0 {
		w.data.directory = binary.LittleEndian.AppendUint64(w.data.directory, term)
		w.term = term
	}
	w.list = w.list[:0]
	var last uint16
	for _, slot := range in {
		w.list = binary.AppendUvarint(w.list, uint64(slot-last))
		last = slot
	}
	if len(w.list) >= bitmapSize {
		var bitmap [bitmapSize]byte
		for _, slot := range in {
			bitmap[slot>>3] |= 1 << (slot & 7)
		}
		w.list = append(w.list[:0], bitmap[:]...)
	}
	w.block = binary.AppendUvarint(w.block, term-w.term)
	w.block = binary.AppendUvarint(w.block, uint64(len(w.list)))
	w.block = append(w.block, w.list...)
	if w.term = term; len(w.block) >= blockTarget {
		w.end()
	}
}

func (w *blockWriter) end() {
	if len(w.block) > 0 {
		id := blockID(w.segment, len(w.data.blocks))
		w.data.blocks = append(w.data.blocks, seal(id, w.block))
		w.block = nil
	}
}

// decodeSegment reads back what is kept in memory.
func decodeSegment(number int64, data segmentData) (*segment, error) {
	zones, err := unseal(number, data.zones)
	if err != nil {
		return nil, err
	}
	directory, err := unseal(number, data.directory)
	if err != nil {
		return nil, err
	}
	present, err := unseal(number, data.presence)
	if err != nil {
		return nil, err
	}
	if len(zones) != zoneCount*16 || len(directory)%8 != 0 || len(present) == 0 {
		return nil, errDamagedIndex
	}
	s := &segment{directory: make([]uint64, len(directory)/8), presence: present}
	for i := range s.zones {
		s.zones[i].least = int64(binary.LittleEndian.Uint64(zones[i*16:]))  //nolint:gosec // the bits of it
		s.zones[i].most = int64(binary.LittleEndian.Uint64(zones[i*16+8:])) //nolint:gosec // the bits of it
	}
	for i := range s.directory {
		s.directory[i] = binary.LittleEndian.Uint64(directory[i*8:])
	}
	return s, nil
}

// readTerms adds the slots of the terms in a range to a set. The block was unsealed;
// first is the directory's entry for it.
func readTerms(block []byte, first uint64, r termRange, into *slots) error {
	term := first
	for len(block) > 0 {
		delta, n := binary.Uvarint(block)
		length, m := binary.Uvarint(block[max(0, n):])
		if n <= 0 || m <= 0 || length > uint64(len(block)-n-m) { //nolint:gosec // not negative, as both were read from there
			return errDamagedIndex
		}
		if term += delta; term > r.to {
			return nil
		}
		list := block[n+m:][:length]
		block = block[n+m+int(length):] //nolint:gosec // within the block
		if term < r.from {
			continue
		}
		if err := readSlots(list, into); err != nil {
			return err
		}
	}
	return nil
}

func readSlots(list []byte, into *slots) error {
	if len(list) == bitmapSize {
		for i := range into {
			into[i] |= binary.LittleEndian.Uint64(list[i*8:])
		}
		return nil
	}
	slot := uint64(0)
	for len(list) > 0 {
		delta, n := binary.Uvarint(list)
		if slot += delta; n <= 0 || slot >= segmentSize {
			return errDamagedIndex
		}
		into.add(int(slot))
		list = list[n:]
	}
	return nil
}
