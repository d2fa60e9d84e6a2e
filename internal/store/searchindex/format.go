package searchindex

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
	bitmapSize = SegmentSize / 8
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
	return xxhash.Sum64(data) ^ uint64(place)*0x9e3779b97f4a7c15 //nolint:gosec // the bits of it
}

// Segment is a segment's index as it is stored. Each part is sealed: to be kept as it is.
type Segment struct {
	Zones, Directory, Presence []byte
	// Blocks are in the order of their numbers; see [BlockID].
	Blocks [][]byte
}

// encodeSegment makes a segment's index of its zones and its terms, which ascend.
func encodeSegment(number int64, zones *[zoneCount]zone, postings []posting) Segment {
	var data Segment
	for _, z := range zones {
		data.Zones = binary.LittleEndian.AppendUint64(data.Zones, uint64(z.least)) //nolint:gosec // the bits of it
		data.Zones = binary.LittleEndian.AppendUint64(data.Zones, uint64(z.most))  //nolint:gosec // the bits of it
	}
	w := blockWriter{segment: number, data: &data}
	present := newPresence(len(postings))
	for _, p := range postings {
		present.add(p.term)
		w.add(p.term, p.slots)
	}
	w.end()
	data.Zones, data.Directory, data.Presence = seal(number, data.Zones), seal(number, data.Directory), seal(number, present)
	return data
}

// blockWriter packs entries, whose terms ascend, into blocks.
type blockWriter struct {
	segment int64
	data    *Segment
	block   []byte
	term    uint64 // the last one
	list    []byte
}

func (w *blockWriter) add(term uint64, in []uint16) {
	if len(w.block) == 0 {
		w.data.Directory = binary.LittleEndian.AppendUint64(w.data.Directory, term)
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
		id := BlockID(w.segment, len(w.data.Blocks))
		w.data.Blocks = append(w.data.Blocks, seal(id, w.block))
		w.block = nil
	}
}

// decodeSegment reads back what is kept in memory.
func decodeSegment(number int64, data Segment) (*segment, error) {
	zones, err := unseal(number, data.Zones)
	if err != nil {
		return nil, err
	}
	directory, err := unseal(number, data.Directory)
	if err != nil {
		return nil, err
	}
	present, err := unseal(number, data.Presence)
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
func readTerms(block []byte, first uint64, r termRange, into *Slots) error {
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

func readSlots(list []byte, into *Slots) error {
	if len(list) == bitmapSize {
		for i := range into {
			into[i] |= binary.LittleEndian.Uint64(list[i*8:])
		}
		return nil
	}
	slot := uint64(0)
	for len(list) > 0 {
		delta, n := binary.Uvarint(list)
		if slot += delta; n <= 0 || slot >= SegmentSize {
			return errDamagedIndex
		}
		into.add(int(slot))
		list = list[n:]
	}
	return nil
}
