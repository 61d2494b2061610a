#include "specials.h"

namespace gpool::ptx {

namespace {

constexpr SpecialName kSpecials[] = {
    {"%tid.x", Special::tid_x, 4},
    {"%tid.y", Special::tid_y, 4},
    {"%tid.z", Special::tid_z, 4},
    {"%tid.w", Special::zero, 4},
    {"%ntid.x", Special::ntid_x, 4},
    {"%ntid.y", Special::ntid_y, 4},
    {"%ntid.z", Special::ntid_z, 4},
    {"%ntid.w", Special::one, 4},
    {"%ctaid.x", Special::ctaid_x, 4},
    {"%ctaid.y", Special::ctaid_y, 4},
    {"%ctaid.z", Special::ctaid_z, 4},
    {"%ctaid.w", Special::zero, 4},
    {"%nctaid.x", Special::nctaid_x, 4},
    {"%nctaid.y", Special::nctaid_y, 4},
    {"%nctaid.z", Special::nctaid_z, 4},
    {"%nctaid.w", Special::one, 4},
    {"%laneid", Special::laneid, 4},
    {"%warpid", Special::warpid, 4},
    {"%nwarpid", Special::nwarpid, 4},
    {"%smid", Special::smid, 4},
    {"%nsmid", Special::nsmid, 4},
    {"%gridid", Special::gridid, 8},
    {"%lanemask_eq", Special::lanemask_eq, 4},
    {"%lanemask_le", Special::lanemask_le, 4},
    {"%lanemask_lt", Special::lanemask_lt, 4},
    {"%lanemask_ge", Special::lanemask_ge, 4},
    {"%lanemask_gt", Special::lanemask_gt, 4},
    {"%total_smem_size", Special::total_smem, 4},
    {"%dynamic_smem_size", Special::dynamic_smem, 4},
    {"%aggr_smem_size", Special::total_smem, 4},
    {"%clock", Special::clock, 4},
    {"%clock_hi", Special::clock_hi, 4},
    {"%clock64", Special::clock64, 8},
    {"%globaltimer", Special::globaltimer, 8},
    {"%globaltimer_lo", Special::globaltimer_lo, 4},
    {"%globaltimer_hi", Special::globaltimer_hi, 4},
    // A launch without clusters: each block is a cluster of one.
    {"%clusterid.x", Special::ctaid_x, 4},
    {"%clusterid.y", Special::ctaid_y, 4},
    {"%clusterid.z", Special::ctaid_z, 4},
    {"%nclusterid.x", Special::nctaid_x, 4},
    {"%nclusterid.y", Special::nctaid_y, 4},
    {"%nclusterid.z", Special::nctaid_z, 4},
    {"%cluster_ctaid.x", Special::zero, 4},
    {"%cluster_ctaid.y", Special::zero, 4},
    {"%cluster_ctaid.z", Special::zero, 4},
    {"%cluster_nctaid.x", Special::one, 4},
    {"%cluster_nctaid.y", Special::one, 4},
    {"%cluster_nctaid.z", Special::one, 4},
    {"%cluster_ctarank", Special::zero, 4},
    {"%cluster_nctarank", Special::one, 4},
};

}  // namespace

const SpecialName* find_special(std::string_view name) {
  for (const SpecialName& special : kSpecials) {
    if (special.name == name) return &special;
  }
  return nullptr;
}

}  // namespace gpool::ptx
