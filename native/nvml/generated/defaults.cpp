// Made by native/calls/generate.py from calls.toml and cuda.h. Do not edit.
#include "nvml/nvml_api.h"
#include "nvml/view.h"

// Weak: the library implements a function by defining it.
#define GPOOL_DEFAULT __attribute__((weak))

using gpool::nvml::not_supported;

extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlComputeInstanceDestroy(nvmlComputeInstance_t) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlComputeInstanceGetInfo(nvmlComputeInstance_t, nvmlComputeInstanceInfo_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlComputeInstanceGetInfo_v2(nvmlComputeInstance_t, nvmlComputeInstanceInfo_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceClearAccountingPids(nvmlDevice_t) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceClearCpuAffinity(nvmlDevice_t) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceClearEccErrorCounts(nvmlDevice_t, nvmlEccCounterType_t) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceClearFieldValues(nvmlDevice_t, int, nvmlFieldValue_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceCreateGpuInstance(nvmlDevice_t, unsigned int, nvmlGpuInstance_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceCreateGpuInstanceWithPlacement(nvmlDevice_t, unsigned int, const nvmlGpuInstancePlacement_t *, nvmlGpuInstance_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceDiscoverGpus(nvmlPciInfo_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceFreezeNvLinkUtilizationCounter(nvmlDevice_t, unsigned int, unsigned int, nvmlEnableState_t) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetAPIRestriction(nvmlDevice_t, nvmlRestrictedAPI_t, nvmlEnableState_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetAccountingBufferSize(nvmlDevice_t, unsigned int *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetAccountingMode(nvmlDevice_t, nvmlEnableState_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetAccountingPids(nvmlDevice_t, unsigned int *, unsigned int *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetAccountingStats(nvmlDevice_t, unsigned int, nvmlAccountingStats_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetAccountingStats_v2(nvmlDevice_t, nvmlAccountingStats_v2_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetActiveVgpus(nvmlDevice_t, unsigned int *, nvmlVgpuInstance_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetAdaptiveClockInfoStatus(nvmlDevice_t, unsigned int *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetAdaptiveTgpModeInfo_v1(nvmlDevice_t, nvmlAdaptiveTgpModeInfo_v1_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetAddressingMode(nvmlDevice_t, nvmlDeviceAddressingMode_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetApplicationsClock(nvmlDevice_t, nvmlClockType_t, unsigned int *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetArchitecture(nvmlDevice_t, nvmlDeviceArchitecture_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetAttributes(nvmlDevice_t, nvmlDeviceAttributes_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetAttributes_v2(nvmlDevice_t, nvmlDeviceAttributes_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetAutoBoostedClocksEnabled(nvmlDevice_t, nvmlEnableState_t *, nvmlEnableState_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetBAR1MemoryInfo(nvmlDevice_t, nvmlBAR1Memory_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetBBXTimeData_v1(nvmlDevice_t, nvmlBBXTimeData_v1_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetBankRemapperStatus_v1(nvmlDevice_t, nvmlEccBankRemapperStatus_v1_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetBoardId(nvmlDevice_t, unsigned int *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetBoardPartNumber(nvmlDevice_t, char *, unsigned int) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetBrand(nvmlDevice_t, nvmlBrandType_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetBridgeChipInfo(nvmlDevice_t, nvmlBridgeChipHierarchy_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetBusType(nvmlDevice_t, nvmlBusType_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetC2cModeInfoV(nvmlDevice_t, nvmlC2cModeInfo_v1_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetCapabilities(nvmlDevice_t, nvmlDeviceCapabilities_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetClkMonStatus(nvmlDevice_t, nvmlClkMonStatus_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetClock(nvmlDevice_t, nvmlClockType_t, nvmlClockId_t, unsigned int *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetClockInfo(nvmlDevice_t, nvmlClockType_t, unsigned int *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetClockOffsets(nvmlDevice_t, nvmlClockOffset_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetComputeInstanceId(nvmlDevice_t, unsigned int *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetComputeMode(nvmlDevice_t, nvmlComputeMode_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetComputeRunningProcesses(nvmlDevice_t, unsigned int *, nvmlProcessInfo_v1_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetComputeRunningProcesses_v2(nvmlDevice_t, unsigned int *, nvmlProcessInfo_v2_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetComputeRunningProcesses_v3(nvmlDevice_t, unsigned int *, nvmlProcessInfo_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetConfComputeGpuAttestationReport(nvmlDevice_t, nvmlConfComputeGpuAttestationReport_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetConfComputeGpuCertificate(nvmlDevice_t, nvmlConfComputeGpuCertificate_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetConfComputeMemSizeInfo(nvmlDevice_t, nvmlConfComputeMemSizeInfo_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetConfComputeProtectedMemoryUsage(nvmlDevice_t, nvmlMemory_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetCoolerInfo(nvmlDevice_t, nvmlCoolerInfo_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetCount(unsigned int *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetCount_v2(unsigned int *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetCpuAffinity(nvmlDevice_t, unsigned int, unsigned long *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetCpuAffinityWithinScope(nvmlDevice_t, unsigned int, unsigned long *, nvmlAffinityScope_t) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetCreatableVgpus(nvmlDevice_t, unsigned int *, nvmlVgpuTypeId_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetCudaComputeCapability(nvmlDevice_t, int *, int *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetCurrPcieLinkGeneration(nvmlDevice_t, unsigned int *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetCurrPcieLinkWidth(nvmlDevice_t, unsigned int *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetCurrentClockFreqs(nvmlDevice_t, nvmlDeviceCurrentClockFreqs_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetCurrentClocksEventReasons(nvmlDevice_t, unsigned long long *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetCurrentClocksThrottleReasons(nvmlDevice_t, unsigned long long *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetDecoderUtilization(nvmlDevice_t, unsigned int *, unsigned int *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetDefaultApplicationsClock(nvmlDevice_t, nvmlClockType_t, unsigned int *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetDefaultEccMode(nvmlDevice_t, nvmlEnableState_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetDetailedEccErrors(nvmlDevice_t, nvmlMemoryErrorType_t, nvmlEccCounterType_t, nvmlEccErrorCounts_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetDeviceHandleFromMigDeviceHandle(nvmlDevice_t, nvmlDevice_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetDisplayActive(nvmlDevice_t, nvmlEnableState_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetDisplayMode(nvmlDevice_t, nvmlEnableState_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetDramEncryptionMode(nvmlDevice_t, nvmlDramEncryptionInfo_t *, nvmlDramEncryptionInfo_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetDriverModel(nvmlDevice_t, nvmlDriverModel_t *, nvmlDriverModel_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetDriverModel_v2(nvmlDevice_t, nvmlDriverModel_t *, nvmlDriverModel_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetDynamicPstatesInfo(nvmlDevice_t, nvmlGpuDynamicPstatesInfo_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetEccMode(nvmlDevice_t, nvmlEnableState_t *, nvmlEnableState_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetEncoderCapacity(nvmlDevice_t, nvmlEncoderType_t, unsigned int *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetEncoderSessions(nvmlDevice_t, unsigned int *, nvmlEncoderSessionInfo_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetEncoderStats(nvmlDevice_t, unsigned int *, unsigned int *, unsigned int *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetEncoderUtilization(nvmlDevice_t, unsigned int *, unsigned int *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetEnforcedPowerLimit(nvmlDevice_t, unsigned int *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetFBCSessions(nvmlDevice_t, unsigned int *, nvmlFBCSessionInfo_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetFBCStats(nvmlDevice_t, nvmlFBCStats_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetFanControlPolicy_v2(nvmlDevice_t, unsigned int, nvmlFanControlPolicy_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetFanSpeed(nvmlDevice_t, unsigned int *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetFanSpeedRPM(nvmlDevice_t, nvmlFanSpeedInfo_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetFanSpeed_v2(nvmlDevice_t, unsigned int, unsigned int *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetFieldValues(nvmlDevice_t, int, nvmlFieldValue_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetGpcClkMinMaxVfOffset(nvmlDevice_t, int *, int *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetGpcClkVfOffset(nvmlDevice_t, int *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetGpuFabricInfo(nvmlDevice_t, nvmlGpuFabricInfo_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetGpuFabricInfoV(nvmlDevice_t, nvmlGpuFabricInfoV_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetGpuFabricInfo_v4(nvmlDevice_t, nvmlGpuFabricInfo_v4_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetGpuInstanceById(nvmlDevice_t, unsigned int, nvmlGpuInstance_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetGpuInstanceId(nvmlDevice_t, unsigned int *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetGpuInstancePossiblePlacements(nvmlDevice_t, unsigned int, nvmlGpuInstancePlacement_t *, unsigned int *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetGpuInstancePossiblePlacements_v2(nvmlDevice_t, unsigned int, nvmlGpuInstancePlacement_t *, unsigned int *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetGpuInstanceProfileInfo(nvmlDevice_t, unsigned int, nvmlGpuInstanceProfileInfo_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetGpuInstanceProfileInfoByIdV(nvmlDevice_t, unsigned int, nvmlGpuInstanceProfileInfo_v2_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetGpuInstanceProfileInfoV(nvmlDevice_t, unsigned int, nvmlGpuInstanceProfileInfo_v2_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetGpuInstanceRemainingCapacity(nvmlDevice_t, unsigned int, unsigned int *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetGpuInstances(nvmlDevice_t, unsigned int, nvmlGpuInstance_t *, unsigned int *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetGpuMaxPcieLinkGeneration(nvmlDevice_t, unsigned int *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetGpuOperationMode(nvmlDevice_t, nvmlGpuOperationMode_t *, nvmlGpuOperationMode_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetGpuUptime_v1(nvmlDevice_t, nvmlGpuUptime_v1_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetGraphicsRunningProcesses(nvmlDevice_t, unsigned int *, nvmlProcessInfo_v1_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetGraphicsRunningProcesses_v2(nvmlDevice_t, unsigned int *, nvmlProcessInfo_v2_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetGraphicsRunningProcesses_v3(nvmlDevice_t, unsigned int *, nvmlProcessInfo_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetGridLicensableFeatures(nvmlDevice_t, nvmlGridLicensableFeatures_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetGridLicensableFeatures_v2(nvmlDevice_t, nvmlGridLicensableFeatures_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetGridLicensableFeatures_v3(nvmlDevice_t, nvmlGridLicensableFeatures_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetGridLicensableFeatures_v4(nvmlDevice_t, nvmlGridLicensableFeatures_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetGspFirmwareMode(nvmlDevice_t, unsigned int *, unsigned int *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetGspFirmwareVersion(nvmlDevice_t, char *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetHandleByIndex(unsigned int, nvmlDevice_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetHandleByIndex_v2(unsigned int, nvmlDevice_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetHandleByPciBusId(const char *, nvmlDevice_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetHandleByPciBusId_v2(const char *, nvmlDevice_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetHandleBySerial(const char *, nvmlDevice_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetHandleByUUID(const char *, nvmlDevice_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetHandleByUUIDV(const nvmlUUID_t *, nvmlDevice_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetHostVgpuMode(nvmlDevice_t, nvmlHostVgpuMode_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetHostname_v1(nvmlDevice_t, nvmlHostname_v1_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetIndex(nvmlDevice_t, unsigned int *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetInforomConfigurationChecksum(nvmlDevice_t, unsigned int *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetInforomImageVersion(nvmlDevice_t, char *, unsigned int) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetInforomVersion(nvmlDevice_t, nvmlInforomObject_t, char *, unsigned int) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetIrqNum(nvmlDevice_t, unsigned int *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetJpgUtilization(nvmlDevice_t, unsigned int *, unsigned int *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetLastBBXFlushTime(nvmlDevice_t, unsigned long long *, unsigned long *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetMPSComputeRunningProcesses(nvmlDevice_t, unsigned int *, nvmlProcessInfo_v1_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetMPSComputeRunningProcesses_v2(nvmlDevice_t, unsigned int *, nvmlProcessInfo_v2_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetMPSComputeRunningProcesses_v3(nvmlDevice_t, unsigned int *, nvmlProcessInfo_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetMarginTemperature(nvmlDevice_t, nvmlMarginTemperature_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetMaxClockInfo(nvmlDevice_t, nvmlClockType_t, unsigned int *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetMaxCustomerBoostClock(nvmlDevice_t, nvmlClockType_t, unsigned int *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetMaxMigDeviceCount(nvmlDevice_t, unsigned int *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetMaxPcieLinkGeneration(nvmlDevice_t, unsigned int *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetMaxPcieLinkWidth(nvmlDevice_t, unsigned int *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetMemClkMinMaxVfOffset(nvmlDevice_t, int *, int *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetMemClkVfOffset(nvmlDevice_t, int *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetMemoryAffinity(nvmlDevice_t, unsigned int, unsigned long *, nvmlAffinityScope_t) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetMemoryBusWidth(nvmlDevice_t, unsigned int *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetMemoryErrorCounter(nvmlDevice_t, nvmlMemoryErrorType_t, nvmlEccCounterType_t, nvmlMemoryLocation_t, unsigned long long *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetMemoryInfo(nvmlDevice_t, nvmlMemory_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetMemoryInfo_v2(nvmlDevice_t, nvmlMemory_v2_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetMemoryLimits_v1(nvmlDevice_t, nvmlGetMemoryLimits_v1_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetMigDeviceHandleByIndex(nvmlDevice_t, unsigned int, nvmlDevice_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetMigMode(nvmlDevice_t, unsigned int *, unsigned int *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetMinMaxClockOfPState(nvmlDevice_t, nvmlClockType_t, nvmlPstates_t, unsigned int *, unsigned int *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetMinMaxFanSpeed(nvmlDevice_t, unsigned int *, unsigned int *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetMinorNumber(nvmlDevice_t, unsigned int *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetModuleId(nvmlDevice_t, unsigned int *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetMultiGpuBoard(nvmlDevice_t, unsigned int *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetName(nvmlDevice_t, char *, unsigned int) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetNumFans(nvmlDevice_t, unsigned int *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetNumGpuCores(nvmlDevice_t, unsigned int *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetNumaNodeId(nvmlDevice_t, unsigned int *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetNvLinkCapability(nvmlDevice_t, unsigned int, nvmlNvLinkCapability_t, unsigned int *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetNvLinkErrorCounter(nvmlDevice_t, unsigned int, nvmlNvLinkErrorCounter_t, unsigned long long *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetNvLinkInfo(nvmlDevice_t, nvmlNvLinkInfo_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetNvLinkInfo_v3(nvmlDevice_t, nvmlNvLinkInfo_v3_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetNvLinkRemoteDeviceType(nvmlDevice_t, unsigned int, nvmlIntNvLinkDeviceType_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetNvLinkRemotePciInfo(nvmlDevice_t, unsigned int, nvmlPciInfo_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetNvLinkRemotePciInfo_v2(nvmlDevice_t, unsigned int, nvmlPciInfo_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetNvLinkState(nvmlDevice_t, unsigned int, nvmlEnableState_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetNvLinkTelemetrySamples_v1(nvmlDevice_t, nvmlNvlinkTelemetrySamples_v1_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetNvLinkUtilizationControl(nvmlDevice_t, unsigned int, unsigned int, nvmlNvLinkUtilizationControl_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetNvLinkUtilizationCounter(nvmlDevice_t, unsigned int, unsigned int, unsigned long long *, unsigned long long *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetNvLinkVersion(nvmlDevice_t, unsigned int, unsigned int *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetNvlinkBwMode(nvmlDevice_t, nvmlNvlinkGetBwMode_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetNvlinkNvlePrivateInfo_v1(nvmlDevice_t, nvmlNvlinkNvlePrivateInfo_v1_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetNvlinkRemapTableInfo_v1(nvmlDevice_t, nvmlNvlinkGetRemapTableInfo_v1_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetNvlinkSupportedBwModes(nvmlDevice_t, nvmlNvlinkSupportedBwModes_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetOfaUtilization(nvmlDevice_t, unsigned int *, unsigned int *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetP2PStatus(nvmlDevice_t, nvmlDevice_t, nvmlGpuP2PCapsIndex_t, nvmlGpuP2PStatus_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetPciInfo(nvmlDevice_t, nvmlPciInfo_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetPciInfoExt(nvmlDevice_t, nvmlPciInfoExt_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetPciInfo_v2(nvmlDevice_t, nvmlPciInfo_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetPciInfo_v3(nvmlDevice_t, nvmlPciInfo_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetPcieLinkMaxSpeed(nvmlDevice_t, unsigned int *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetPcieReplayCounter(nvmlDevice_t, unsigned int *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetPcieSpeed(nvmlDevice_t, unsigned int *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetPcieThroughput(nvmlDevice_t, nvmlPcieUtilCounter_t, unsigned int *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetPdi(nvmlDevice_t, nvmlPdi_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetPerformanceModes(nvmlDevice_t, nvmlDevicePerfModes_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetPerformanceState(nvmlDevice_t, nvmlPstates_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetPersistenceMode(nvmlDevice_t, nvmlEnableState_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetPgpuMetadataString(nvmlDevice_t, char *, unsigned int *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetPlatformInfo(nvmlDevice_t, nvmlPlatformInfo_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetPowerManagementDefaultLimit(nvmlDevice_t, unsigned int *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetPowerManagementLimit(nvmlDevice_t, unsigned int *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetPowerManagementLimitConstraints(nvmlDevice_t, unsigned int *, unsigned int *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetPowerManagementMode(nvmlDevice_t, nvmlEnableState_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetPowerMizerMode_v1(nvmlDevice_t, nvmlDevicePowerMizerModes_v1_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetPowerSource(nvmlDevice_t, nvmlPowerSource_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetPowerState(nvmlDevice_t, nvmlPstates_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetPowerUsage(nvmlDevice_t, unsigned int *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetProcessUtilization(nvmlDevice_t, nvmlProcessUtilizationSample_t *, unsigned int *, unsigned long long) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetProcessesUtilizationInfo(nvmlDevice_t, nvmlProcessesUtilizationInfo_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetRemappedRows(nvmlDevice_t, unsigned int *, unsigned int *, unsigned int *, unsigned int *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetRemappedRows_v2(nvmlDevice_t, nvmlRemappedRowsInfo_v2_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetRepairStatus(nvmlDevice_t, nvmlRepairStatus_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetRetiredPages(nvmlDevice_t, nvmlPageRetirementCause_t, unsigned int *, unsigned long long *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetRetiredPagesPendingStatus(nvmlDevice_t, nvmlEnableState_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetRetiredPages_v2(nvmlDevice_t, nvmlPageRetirementCause_t, unsigned int *, unsigned long long *, unsigned long long *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetRowRemapperHistogram(nvmlDevice_t, nvmlRowRemapperHistogramValues_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetRunningProcessDetailList(nvmlDevice_t, nvmlProcessDetailList_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetSamples(nvmlDevice_t, nvmlSamplingType_t, unsigned long long, nvmlValueType_t *, unsigned int *, nvmlSample_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetSerial(nvmlDevice_t, char *, unsigned int) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetSramEccErrorStatus(nvmlDevice_t, nvmlEccSramErrorStatus_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetSramUniqueUncorrectedEccErrorCounts(nvmlDevice_t, nvmlEccSramUniqueUncorrectedErrorCounts_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetSupportedClocksEventReasons(nvmlDevice_t, unsigned long long *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetSupportedClocksThrottleReasons(nvmlDevice_t, unsigned long long *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetSupportedEventTypes(nvmlDevice_t, unsigned long long *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetSupportedGraphicsClocks(nvmlDevice_t, unsigned int, unsigned int *, unsigned int *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetSupportedMemoryClocks(nvmlDevice_t, unsigned int *, unsigned int *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetSupportedPerformanceStates(nvmlDevice_t, nvmlPstates_t *, unsigned int) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetSupportedVgpus(nvmlDevice_t, unsigned int *, nvmlVgpuTypeId_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetTargetFanSpeed(nvmlDevice_t, unsigned int, unsigned int *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetTemperature(nvmlDevice_t, nvmlTemperatureSensors_t, unsigned int *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetTemperatureThreshold(nvmlDevice_t, nvmlTemperatureThresholds_t, unsigned int *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetTemperatureV(nvmlDevice_t, nvmlTemperature_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetThermalSettings(nvmlDevice_t, unsigned int, nvmlGpuThermalSettings_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetTopologyCommonAncestor(nvmlDevice_t, nvmlDevice_t, nvmlGpuTopologyLevel_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetTopologyNearestGpus(nvmlDevice_t, nvmlGpuTopologyLevel_t, unsigned int *, nvmlDevice_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetTotalEccErrors(nvmlDevice_t, nvmlMemoryErrorType_t, nvmlEccCounterType_t, unsigned long long *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetTotalEnergyConsumption(nvmlDevice_t, unsigned long long *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetUUID(nvmlDevice_t, char *, unsigned int) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetUnrepairableMemoryFlag_v1(nvmlDevice_t, nvmlUnrepairableMemoryStatus_v1_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetUtilizationRates(nvmlDevice_t, nvmlUtilization_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetVbiosVersion(nvmlDevice_t, char *, unsigned int) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetVgpuCapabilities(nvmlDevice_t, nvmlDeviceVgpuCapability_t, unsigned int *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetVgpuHeterogeneousMode(nvmlDevice_t, nvmlVgpuHeterogeneousMode_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetVgpuInstancesUtilizationInfo(nvmlDevice_t, nvmlVgpuInstancesUtilizationInfo_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetVgpuMetadata(nvmlDevice_t, nvmlVgpuPgpuMetadata_t *, unsigned int *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetVgpuProcessUtilization(nvmlDevice_t, unsigned long long, unsigned int *, nvmlVgpuProcessUtilizationSample_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetVgpuProcessesUtilizationInfo(nvmlDevice_t, nvmlVgpuProcessesUtilizationInfo_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetVgpuSchedulerCapabilities(nvmlDevice_t, nvmlVgpuSchedulerCapabilities_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetVgpuSchedulerLog(nvmlDevice_t, nvmlVgpuSchedulerLog_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetVgpuSchedulerLog_v2(nvmlDevice_t, nvmlVgpuSchedulerLogInfo_v2_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetVgpuSchedulerState(nvmlDevice_t, nvmlVgpuSchedulerGetState_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetVgpuSchedulerState_v2(nvmlDevice_t, nvmlVgpuSchedulerStateInfo_v2_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetVgpuTypeCreatablePlacements(nvmlDevice_t, nvmlVgpuTypeId_t, nvmlVgpuPlacementList_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetVgpuTypeSupportedPlacements(nvmlDevice_t, nvmlVgpuTypeId_t, nvmlVgpuPlacementList_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetVgpuUtilization(nvmlDevice_t, unsigned long long, nvmlValueType_t *, unsigned int *, nvmlVgpuInstanceUtilizationSample_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetViolationStatus(nvmlDevice_t, nvmlPerfPolicyType_t, nvmlViolationTime_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceGetVirtualizationMode(nvmlDevice_t, nvmlGpuVirtualizationMode_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceIsMigDeviceHandle(nvmlDevice_t, unsigned int *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceLockNvlinkRemapTable_v1(nvmlDevice_t, nvmlNvlinkLockRemapTable_v1_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceModifyDrainState(nvmlPciInfo_t *, nvmlEnableState_t) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceOnSameBoard(nvmlDevice_t, nvmlDevice_t, int *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDevicePerfMetricsGetSamples_v1(nvmlDevice_t, nvmlPerfMetricsSamples_v1_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDevicePowerSmoothingActivatePresetProfile(nvmlDevice_t, nvmlPowerSmoothingProfile_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDevicePowerSmoothingSetState(nvmlDevice_t, nvmlPowerSmoothingState_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDevicePowerSmoothingUpdatePresetProfileParam(nvmlDevice_t, nvmlPowerSmoothingProfile_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceQueryDrainState(nvmlPciInfo_t *, nvmlEnableState_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceReadPRMCounters_v1(nvmlDevice_t, nvmlPRMCounterList_v1_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceReadWritePRM_v1(nvmlDevice_t, nvmlPRMTLV_v1_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceRegisterEvents(nvmlDevice_t, unsigned long long, nvmlEventSet_t) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceRemoveGpu(nvmlPciInfo_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceRemoveGpu_v2(nvmlPciInfo_t *, nvmlDetachGpuState_t, nvmlPcieLinkState_t) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceResetApplicationsClocks(nvmlDevice_t) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceResetGpuLockedClocks(nvmlDevice_t) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceResetMemoryLockedClocks(nvmlDevice_t) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceResetNvLinkErrorCounters(nvmlDevice_t, unsigned int) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceResetNvLinkUtilizationCounter(nvmlDevice_t, unsigned int, unsigned int) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceSetAPIRestriction(nvmlDevice_t, nvmlRestrictedAPI_t, nvmlEnableState_t) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceSetAccountingMode(nvmlDevice_t, nvmlEnableState_t) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceSetAdaptiveTgpMode_v1(nvmlDevice_t, nvmlEnableState_t) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceSetApplicationsClocks(nvmlDevice_t, unsigned int, unsigned int) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceSetAutoBoostedClocksEnabled(nvmlDevice_t, nvmlEnableState_t) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceSetClockOffsets(nvmlDevice_t, nvmlClockOffset_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceSetComputeMode(nvmlDevice_t, nvmlComputeMode_t) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceSetConfComputeUnprotectedMemSize(nvmlDevice_t, unsigned long long) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceSetCpuAffinity(nvmlDevice_t) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceSetDefaultAutoBoostedClocksEnabled(nvmlDevice_t, nvmlEnableState_t, unsigned int) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceSetDefaultFanSpeed_v2(nvmlDevice_t, unsigned int) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceSetDramEncryptionMode(nvmlDevice_t, const nvmlDramEncryptionInfo_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceSetDriverModel(nvmlDevice_t, nvmlDriverModel_t, unsigned int) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceSetEccMode(nvmlDevice_t, nvmlEnableState_t) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceSetFanControlPolicy(nvmlDevice_t, unsigned int, nvmlFanControlPolicy_t) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceSetFanSpeed_v2(nvmlDevice_t, unsigned int, unsigned int) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceSetGpcClkVfOffset(nvmlDevice_t, int) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceSetGpuLockedClocks(nvmlDevice_t, unsigned int, unsigned int) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceSetGpuOperationMode(nvmlDevice_t, nvmlGpuOperationMode_t) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceSetHostname_v1(nvmlDevice_t, nvmlHostname_v1_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceSetMemClkVfOffset(nvmlDevice_t, int) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceSetMemoryLimits_v1(nvmlDevice_t, nvmlSetMemoryLimits_v1_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceSetMemoryLockedClocks(nvmlDevice_t, unsigned int, unsigned int) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceSetMigMode(nvmlDevice_t, unsigned int, nvmlReturn_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceSetNvLinkDeviceLowPowerThreshold(nvmlDevice_t, nvmlNvLinkPowerThres_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceSetNvLinkUtilizationControl(nvmlDevice_t, unsigned int, unsigned int, nvmlNvLinkUtilizationControl_t *, unsigned int) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceSetNvlinkBwMode(nvmlDevice_t, nvmlNvlinkSetBwMode_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceSetNvlinkBwModeAsync_v1(nvmlDevice_t, nvmlNvlinkSetBwModeAsync_v1_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceSetNvlinkNvleReady_v1(nvmlDevice_t, nvmlNvlinkSetNvleReady_v1_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceSetPersistenceMode(nvmlDevice_t, nvmlEnableState_t) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceSetPowerManagementLimit(nvmlDevice_t, unsigned int) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceSetPowerManagementLimit_v2(nvmlDevice_t, nvmlPowerValue_v2_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceSetPowerMizerMode_v1(nvmlDevice_t, nvmlDevicePowerMizerModes_v1_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceSetRusdSettings_v1(nvmlDevice_t, nvmlRusdSettings_v1_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceSetTemperatureThreshold(nvmlDevice_t, nvmlTemperatureThresholds_t, int *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceSetVgpuCapabilities(nvmlDevice_t, nvmlDeviceVgpuCapability_t, nvmlEnableState_t) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceSetVgpuHeterogeneousMode(nvmlDevice_t, const nvmlVgpuHeterogeneousMode_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceSetVgpuSchedulerState(nvmlDevice_t, nvmlVgpuSchedulerSetState_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceSetVgpuSchedulerState_v2(nvmlDevice_t, nvmlVgpuSchedulerState_v2_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceSetVirtualizationMode(nvmlDevice_t, nvmlGpuVirtualizationMode_t) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceSetupNvlinkNvleEncryptionKey_v1(nvmlDevice_t, nvmlNvlinkSetupNvleEncryptionKey_v1_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceValidateInforom(nvmlDevice_t) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceVgpuForceGspUnload(nvmlDevice_t) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceWorkloadPowerProfileClearRequestedProfiles(nvmlDevice_t, nvmlWorkloadPowerProfileRequestedProfiles_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceWorkloadPowerProfileGetCurrentProfiles(nvmlDevice_t, nvmlWorkloadPowerProfileCurrentProfiles_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceWorkloadPowerProfileGetProfilesInfo(nvmlDevice_t, nvmlWorkloadPowerProfileProfilesInfo_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceWorkloadPowerProfileSetRequestedProfiles(nvmlDevice_t, nvmlWorkloadPowerProfileRequestedProfiles_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlDeviceWorkloadPowerProfileUpdateProfiles_v1(nvmlDevice_t, nvmlWorkloadPowerProfileUpdateProfiles_v1_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlEventSetCreate(nvmlEventSet_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlEventSetFree(nvmlEventSet_t) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlEventSetGetContextCount_v1(nvmlEventSet_t, nvmlEventSetGetContextCount_v1_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlEventSetGetContextData_v1(nvmlEventSet_t, nvmlEventSetGetContextData_v1_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlEventSetGetContextInfo_v1(nvmlEventSet_t, nvmlEventSetGetContextInfo_v1_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlEventSetGetGpuOperationalEventContextLegacyXid_v1(nvmlEventSet_t, nvmlEventSetGetGpuOperationalEventContextLegacyXid_v1_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlEventSetRegisterGpuOperationalEvents_v1(nvmlEventSet_t, const nvmlGpuOperationalEventConfig_v1_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlEventSetWait(nvmlEventSet_t, nvmlEventData_t *, unsigned int) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlEventSetWait_v2(nvmlEventSet_t, nvmlEventData_t *, unsigned int) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlEventSetWait_v3(nvmlEventSet_t, nvmlEventSetWait_v3_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlGetExcludedDeviceCount(unsigned int *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlGetExcludedDeviceInfoByIndex(unsigned int, nvmlExcludedDeviceInfo_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlGetVgpuCompatibility(nvmlVgpuMetadata_t *, nvmlVgpuPgpuMetadata_t *, nvmlVgpuPgpuCompatibility_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlGetVgpuDriverCapabilities(nvmlVgpuDriverCapability_t, unsigned int *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlGetVgpuVersion(nvmlVgpuVersion_t *, nvmlVgpuVersion_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlGpmMetricsGet(nvmlGpmMetricsGet_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlGpmMigSampleGet(nvmlDevice_t, unsigned int, nvmlGpmSample_t) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlGpmQueryDeviceSupport(nvmlDevice_t, nvmlGpmSupport_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlGpmQueryIfStreamingEnabled(nvmlDevice_t, unsigned int *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlGpmSampleAlloc(nvmlGpmSample_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlGpmSampleFree(nvmlGpmSample_t) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlGpmSampleGet(nvmlDevice_t, nvmlGpmSample_t) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlGpmSetStreamingEnabled(nvmlDevice_t, unsigned int) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlGpuInstanceCreateComputeInstance(nvmlGpuInstance_t, unsigned int, nvmlComputeInstance_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlGpuInstanceCreateComputeInstanceWithPlacement(nvmlGpuInstance_t, unsigned int, const nvmlComputeInstancePlacement_t *, nvmlComputeInstance_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlGpuInstanceDestroy(nvmlGpuInstance_t) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlGpuInstanceGetActiveVgpus(nvmlGpuInstance_t, nvmlActiveVgpuInstanceInfo_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlGpuInstanceGetComputeInstanceById(nvmlGpuInstance_t, unsigned int, nvmlComputeInstance_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlGpuInstanceGetComputeInstancePossiblePlacements(nvmlGpuInstance_t, unsigned int, nvmlComputeInstancePlacement_t *, unsigned int *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlGpuInstanceGetComputeInstanceProfileInfo(nvmlGpuInstance_t, unsigned int, unsigned int, nvmlComputeInstanceProfileInfo_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlGpuInstanceGetComputeInstanceProfileInfoV(nvmlGpuInstance_t, unsigned int, unsigned int, nvmlComputeInstanceProfileInfo_v2_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlGpuInstanceGetComputeInstanceRemainingCapacity(nvmlGpuInstance_t, unsigned int, unsigned int *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlGpuInstanceGetComputeInstances(nvmlGpuInstance_t, unsigned int, nvmlComputeInstance_t *, unsigned int *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlGpuInstanceGetCreatableVgpus(nvmlGpuInstance_t, nvmlVgpuTypeIdInfo_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlGpuInstanceGetInfo(nvmlGpuInstance_t, nvmlGpuInstanceInfo_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlGpuInstanceGetVgpuHeterogeneousMode(nvmlGpuInstance_t, nvmlVgpuHeterogeneousMode_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlGpuInstanceGetVgpuSchedulerLog(nvmlGpuInstance_t, nvmlVgpuSchedulerLogInfo_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlGpuInstanceGetVgpuSchedulerLog_v2(nvmlGpuInstance_t, nvmlVgpuSchedulerLogInfo_v2_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlGpuInstanceGetVgpuSchedulerState(nvmlGpuInstance_t, nvmlVgpuSchedulerStateInfo_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlGpuInstanceGetVgpuSchedulerState_v2(nvmlGpuInstance_t, nvmlVgpuSchedulerStateInfo_v2_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlGpuInstanceGetVgpuTypeCreatablePlacements(nvmlGpuInstance_t, nvmlVgpuCreatablePlacementInfo_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlGpuInstanceSetVgpuHeterogeneousMode(nvmlGpuInstance_t, const nvmlVgpuHeterogeneousMode_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlGpuInstanceSetVgpuSchedulerState(nvmlGpuInstance_t, nvmlVgpuSchedulerState_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlGpuInstanceSetVgpuSchedulerState_v2(nvmlGpuInstance_t, nvmlVgpuSchedulerState_v2_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlInit() { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlInitWithFlags(unsigned int) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlInit_v2() { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlSetVgpuVersion(nvmlVgpuVersion_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlShutdown() { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlSystemEventSetCreate(nvmlSystemEventSetCreateRequest_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlSystemEventSetFree(nvmlSystemEventSetFreeRequest_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlSystemEventSetWait(nvmlSystemEventSetWaitRequest_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlSystemGetCPER_v1(nvmlGetCPER_v1_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlSystemGetConfComputeCapabilities(nvmlConfComputeSystemCaps_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlSystemGetConfComputeGpusReadyState(unsigned int *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlSystemGetConfComputeKeyRotationThresholdInfo(nvmlConfComputeGetKeyRotationThresholdInfo_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlSystemGetConfComputeSettings(nvmlSystemConfComputeSettings_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlSystemGetConfComputeSettings_v2(nvmlSystemConfComputeSettings_v2_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlSystemGetConfComputeState(nvmlConfComputeSystemState_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlSystemGetCudaDriverVersion(int *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlSystemGetCudaDriverVersion_v2(int *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlSystemGetDriverBranch(nvmlSystemDriverBranchInfo_t *, unsigned int) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlSystemGetDriverVersion(char *, unsigned int) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlSystemGetHicVersion(unsigned int *, nvmlHwbcEntry_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlSystemGetNVMLVersion(char *, unsigned int) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlSystemGetNvlinkBwMode(unsigned int *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlSystemGetProcessName(unsigned int, char *, unsigned int) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlSystemGetTopologyGpuSet(unsigned int, unsigned int *, nvmlDevice_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlSystemRegisterEvents(nvmlSystemRegisterEventRequest_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlSystemSetConfComputeGpusReadyState(unsigned int) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlSystemSetConfComputeKeyRotationThresholdInfo(nvmlConfComputeSetKeyRotationThresholdInfo_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlSystemSetNvlinkBwMode(unsigned int) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlUnitGetCount(unsigned int *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlUnitGetDevices(nvmlUnit_t, unsigned int *, nvmlDevice_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlUnitGetFanSpeedInfo(nvmlUnit_t, nvmlUnitFanSpeeds_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlUnitGetHandleByIndex(unsigned int, nvmlUnit_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlUnitGetLedState(nvmlUnit_t, nvmlLedState_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlUnitGetPsuInfo(nvmlUnit_t, nvmlPSUInfo_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlUnitGetTemperature(nvmlUnit_t, unsigned int, unsigned int *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlUnitGetUnitInfo(nvmlUnit_t, nvmlUnitInfo_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlUnitSetLedState(nvmlUnit_t, nvmlLedColor_t) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlVgpuInstanceClearAccountingPids(nvmlVgpuInstance_t) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlVgpuInstanceGetAccountingMode(nvmlVgpuInstance_t, nvmlEnableState_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlVgpuInstanceGetAccountingPids(nvmlVgpuInstance_t, unsigned int *, unsigned int *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlVgpuInstanceGetAccountingStats(nvmlVgpuInstance_t, unsigned int, nvmlAccountingStats_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlVgpuInstanceGetEccMode(nvmlVgpuInstance_t, nvmlEnableState_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlVgpuInstanceGetEncoderCapacity(nvmlVgpuInstance_t, unsigned int *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlVgpuInstanceGetEncoderSessions(nvmlVgpuInstance_t, unsigned int *, nvmlEncoderSessionInfo_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlVgpuInstanceGetEncoderStats(nvmlVgpuInstance_t, unsigned int *, unsigned int *, unsigned int *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlVgpuInstanceGetFBCSessions(nvmlVgpuInstance_t, unsigned int *, nvmlFBCSessionInfo_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlVgpuInstanceGetFBCStats(nvmlVgpuInstance_t, nvmlFBCStats_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlVgpuInstanceGetFbUsage(nvmlVgpuInstance_t, unsigned long long *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlVgpuInstanceGetFrameRateLimit(nvmlVgpuInstance_t, unsigned int *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlVgpuInstanceGetGpuInstanceId(nvmlVgpuInstance_t, unsigned int *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlVgpuInstanceGetGpuPciId(nvmlVgpuInstance_t, char *, unsigned int *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlVgpuInstanceGetLicenseInfo(nvmlVgpuInstance_t, nvmlVgpuLicenseInfo_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlVgpuInstanceGetLicenseInfo_v2(nvmlVgpuInstance_t, nvmlVgpuLicenseInfo_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlVgpuInstanceGetLicenseStatus(nvmlVgpuInstance_t, unsigned int *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlVgpuInstanceGetMdevUUID(nvmlVgpuInstance_t, char *, unsigned int) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlVgpuInstanceGetMetadata(nvmlVgpuInstance_t, nvmlVgpuMetadata_t *, unsigned int *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlVgpuInstanceGetPlacementId(nvmlVgpuInstance_t, nvmlVgpuPlacementId_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlVgpuInstanceGetRuntimeStateSize(nvmlVgpuInstance_t, nvmlVgpuRuntimeState_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlVgpuInstanceGetType(nvmlVgpuInstance_t, nvmlVgpuTypeId_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlVgpuInstanceGetUUID(nvmlVgpuInstance_t, char *, unsigned int) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlVgpuInstanceGetVmDriverVersion(nvmlVgpuInstance_t, char *, unsigned int) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlVgpuInstanceGetVmID(nvmlVgpuInstance_t, char *, unsigned int, nvmlVgpuVmIdType_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlVgpuInstanceSetEncoderCapacity(nvmlVgpuInstance_t, unsigned int) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlVgpuTypeGetBAR1Info(nvmlVgpuTypeId_t, nvmlVgpuTypeBar1Info_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlVgpuTypeGetCapabilities(nvmlVgpuTypeId_t, nvmlVgpuCapability_t, unsigned int *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlVgpuTypeGetClass(nvmlVgpuTypeId_t, char *, unsigned int *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlVgpuTypeGetDeviceID(nvmlVgpuTypeId_t, unsigned long long *, unsigned long long *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlVgpuTypeGetFbReservation(nvmlVgpuTypeId_t, unsigned long long *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlVgpuTypeGetFrameRateLimit(nvmlVgpuTypeId_t, unsigned int *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlVgpuTypeGetFramebufferSize(nvmlVgpuTypeId_t, unsigned long long *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlVgpuTypeGetGpuInstanceProfileId(nvmlVgpuTypeId_t, unsigned int *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlVgpuTypeGetGspHeapSize(nvmlVgpuTypeId_t, unsigned long long *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlVgpuTypeGetLicense(nvmlVgpuTypeId_t, char *, unsigned int) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlVgpuTypeGetMaxInstances(nvmlDevice_t, nvmlVgpuTypeId_t, unsigned int *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlVgpuTypeGetMaxInstancesPerGpuInstance(nvmlVgpuTypeMaxInstance_t *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlVgpuTypeGetMaxInstancesPerVm(nvmlVgpuTypeId_t, unsigned int *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlVgpuTypeGetName(nvmlVgpuTypeId_t, char *, unsigned int *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlVgpuTypeGetNumDisplayHeads(nvmlVgpuTypeId_t, unsigned int *) { return not_supported(); }
extern "C" GPOOL_DEFAULT nvmlReturn_t nvmlVgpuTypeGetResolution(nvmlVgpuTypeId_t, unsigned int, unsigned int *, unsigned int *) { return not_supported(); }
