//! Which segments to merge: few enough for fast lookups, seldom enough for cheap writing.

use tantivy::index::{SegmentId, SegmentMeta};
use tantivy::indexer::{MergeCandidate, MergePolicy};

/// Segments of a tier are merged when there are this many; the result belongs to a higher tier.
const FAN_IN: usize = 8;
/// Segments up to this size are of the lowest tier.
const LOWEST_TIER_DOCS: u32 = 1_000;
/// Segments beyond this size are left alone.
const LARGEST_MERGED_DOCS: u32 = 4_000_000;
/// When a slice is closed, a segment is left alone if it is this many times larger than all smaller ones together.
const LEAVE_ALONE_RATIO: u64 = 4;

/// Merges eight of a size into one, so that a document is rewritten once per tier: at most six times, and a slice of a
/// million documents has at most 35 segments.
#[derive(Debug)]
pub(crate) struct TieredMerges;

impl MergePolicy for TieredMerges {
    fn compute_merge_candidates(&self, segments: &[SegmentMeta]) -> Vec<MergeCandidate> {
        let sizes: Vec<_> = segments.iter().map(|segment| (segment.id(), segment.num_docs())).collect();
        full_tiers(&sizes).into_iter().map(MergeCandidate).collect()
    }
}

fn full_tiers(segments: &[(SegmentId, u32)]) -> Vec<Vec<SegmentId>> {
    let mut tiers = std::collections::BTreeMap::<u32, Vec<SegmentId>>::new();
    for (id, docs) in segments.iter().filter(|(_, docs)| *docs < LARGEST_MERGED_DOCS) {
        tiers.entry((docs / LOWEST_TIER_DOCS).checked_ilog(FAN_IN as u32).map_or(0, |tier| tier + 1)).or_default().push(*id);
    }
    tiers.into_values().filter(|ids| ids.len() >= FAN_IN).collect()
}

/// What to merge in a slice that is done with: everything but segments so large that it would not pay.
pub(crate) fn on_close(segments: &[SegmentMeta]) -> Vec<SegmentId> {
    let mut sizes: Vec<_> = segments.iter().map(|segment| (segment.id(), u64::from(segment.num_docs()))).collect();
    sizes.sort_unstable_by_key(|(_, docs)| *docs);
    let mut sum = 0;
    let mut take = 0;
    for (index, (_, docs)) in sizes.iter().enumerate() {
        if index > 0 && *docs <= sum * LEAVE_ALONE_RATIO {
            take = index + 1;
        }
        sum += docs;
    }
    sizes[..take].iter().map(|(id, _)| *id).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steady_small_commits_leave_few_segments_and_little_rewriting() {
        let mut segments: Vec<(SegmentId, u32)> = Vec::new();
        let mut rewritten = 0u64;
        for _ in 0..20_000 {
            segments.push((SegmentId::generate_random(), 50));
            while let Some(ids) = full_tiers(&segments).pop() {
                let docs = segments.iter().filter(|(id, _)| ids.contains(id)).map(|(_, docs)| docs).sum();
                segments.retain(|(id, _)| !ids.contains(id));
                segments.push((SegmentId::generate_random(), docs));
                rewritten += u64::from(docs);
            }
            assert!(segments.len() <= 35, "{}", segments.len());
        }
        assert!(rewritten <= 8 * 1_000_000, "{rewritten}");
    }
}
