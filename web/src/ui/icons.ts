/** Every icon of the console, by name. Nothing else imports from `lucide-react`. */
export {
  ArrowDown, ArrowLeft, ArrowRight, ArrowUp, AudioLines, Ban, Bell, BookOpen, Bot, Building2, Cable, CalendarClock, ChartNoAxesColumn,
  Check, ChevronDown, ChevronLeft, ChevronRight, ChevronsUpDown, ChevronUp, CircleAlert, CircleCheck, CircleDashed, CircleHelp, CirclePause, CircleSlash,
  CircleX, ClipboardList, Clock, Columns3, Copy, Download, Ellipsis, ExternalLink, Eye, EyeOff, FileDown, FileText, FlaskConical,
  FolderOpen, Funnel, FunnelX, Gauge, Globe, GripVertical, Hand, Hash, Headphones, History, Hourglass, Info, Keyboard, KeyRound, Languages,
  LayoutDashboard, Link2, ListChecks, ListFilter, Lock, LogOut, Megaphone, Merge, MessageSquare, Mic, MicOff, Monitor, Moon, OctagonX,
  Pause, Pencil, Phone, PhoneCall, PhoneForwarded, PhoneIncoming, PhoneMissed, PhoneOff, PhoneOutgoing, Play, Plus, RefreshCw, RotateCcw,
  Rows3, Rows4, Save, Search, Send, Server, Settings, ShieldCheck, Sparkles, Square, Sun, Trash2, TriangleAlert, Unplug, Upload, UserCheck,
  UserMinus, UserPlus, Users, UserX, Voicemail, Volume2, WifiOff, Workflow, X, Zap,
} from 'lucide-react'
export type { LucideIcon as Icon } from 'lucide-react'
